/*
 * libc_heap.c - see libc_heap.h.
 *
 * The part of glibc's chunk that is read here (malloc/malloc.c, "malloc_chunk"), the same from 2.34 to 2.41:
 *
 *      pointer - 16: size of the chunk before, or of the unused front of a mapping
 *      pointer -  8: size of this chunk | 1 previous in use | 2 mapped | 4 not the main arena
 *      pointer - 16 + size: the next chunk, whose bit 1 says that this one is in use
 *
 * A mapped chunk is a mapping from its unused front to its end. One of another arena lies in a heap, aligned to its
 * largest size (malloc/arena.c, "heap_info"):
 *
 *      heap: arena | heap before | bytes in use | ...    the arena itself stands on the first page of its first heap
 *
 * A pointer passes if all conditions hold that stay true while its chunk is live, whatever other threads do to the
 * chunks around it. Nothing else is tested: it may be changing.
 */
#define _GNU_SOURCE
#include "heap/libc_heap.h"

#include "base/bits.h"
#include "os/map.h"

#include <dlfcn.h>

/* Weak: a static program may have no dynamic linker, and then no second allocator either. */
#pragma weak dlsym
#pragma weak dlopen

struct chunk {
	size_t before;
	size_t size;
};

struct heap {
	const void *arena;
	const struct heap *previous;
	size_t bytes;
};

/* glibc's struct mallinfo2 (mallinfo(3)), which older headers lack. */
struct libc_info {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

enum {
	CHUNK_PREVIOUS_IN_USE = 1,
	CHUNK_MAPPED = 2,
	CHUNK_OTHER_ARENA = 4,
	CHUNK_FLAGS = 7,
	CHUNK_MIN_BYTES = 32,
	ARENA_MAX_OFFSET = 4096, /* bytes: glibc's arena stands on the first page of its heap */
};

/* The largest heap: 64 MiB; with the tunable glibc.malloc.hugetlb=2 four huge pages, of 2 MiB or of 1 GiB. */
static const size_t heap_max_bytes[] = {64 << 20, 8 << 20, (size_t)4 << 30};

/* libc's own definition, past ours, looked up once; NULL if libc is not glibc. *known is relaxed: all find the same. */
static void *libc_symbol(void *_Atomic *known, const char *name)
{
	void *symbol = load_relaxed(known);
	if (symbol != NULL || dlsym == NULL || dlopen == NULL)
		return symbol;
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	if (libc != NULL)
		symbol = dlsym(libc, name);
	store_relaxed(known, symbol);
	return symbol;
}

/* Once its allocator has handed something out, it stays in use. */
static bool libc_is_in_use(void)
{
	static void *_Atomic mallinfo2;
	static _Atomic bool in_use;
	if (!load_relaxed(&in_use)) {
		struct libc_info (*get)(void) = (struct libc_info(*)(void))libc_symbol(&mallinfo2, "mallinfo2");
		struct libc_info info = get == NULL ? (struct libc_info){0} : get();
		store_relaxed(&in_use, info.arena + info.hblkhd > 0);
	}
	return load_relaxed(&in_use);
}

static bool is_power_of_two_or_0(size_t x) { return (x & (x - 1)) == 0; }

/* What glibc's free requires of a mapped chunk. */
static bool mapped_chunk_is_sound(const struct chunk *chunk, size_t size)
{
	size_t page = os_page_size();
	uintptr_t address = (uintptr_t)(chunk + 1);
	return (chunk->size & CHUNK_FLAGS) == CHUNK_MAPPED && ((uintptr_t)chunk - chunk->before) % page == 0 &&
	       (chunk->before + size) % page == 0 && is_power_of_two_or_0(address % page);
}

/* The chunk behind says that this one is in use; it may be only a header that ends the heap. */
static bool is_in_use(const struct chunk *chunk, size_t size)
{
	const struct chunk *next = (const struct chunk *)((uintptr_t)chunk + size);
	return os_is_readable(next) && (next->size & CHUNK_PREVIOUS_IN_USE) != 0 &&
	       (next->size & ~(size_t)CHUNK_FLAGS) >= sizeof(struct chunk);
}

/*
 * Copies the head of the heap of this largest size around the address, and returns where it is. If heaps have another
 * size, other memory is there, which may be unmapped meanwhile.
 */
static uintptr_t heap_around(const void *address, size_t max_bytes, struct heap *heap)
{
	uintptr_t begin = round_down((uintptr_t)address, max_bytes);
	return os_read((const void *)begin, heap, sizeof *heap) ? begin : 0;
}

static bool lies_in_heap(const struct chunk *chunk, size_t size, size_t max_bytes)
{
	struct heap heap, first;
	uintptr_t begin = heap_around(chunk, max_bytes, &heap);
	if (begin == 0 || heap.bytes > max_bytes || (uintptr_t)chunk - begin + size >= heap.bytes)
		return false;
	uintptr_t first_begin = heap_around(heap.arena, max_bytes, &first);
	return first_begin != 0 && first.arena == heap.arena &&
	       (uintptr_t)first.arena - first_begin < ARENA_MAX_OFFSET;
}

static bool lies_in_any_heap(const struct chunk *chunk, size_t size)
{
	for (size_t i = 0; i < sizeof heap_max_bytes / sizeof heap_max_bytes[0]; i++)
		if (size < heap_max_bytes[i] && lies_in_heap(chunk, size, heap_max_bytes[i]))
			return true;
	return false;
}

bool libc_heap_owns(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	const struct chunk *chunk = (const struct chunk *)(address - sizeof(struct chunk));
	bool may_be = address % sizeof(struct chunk) == 0 && address >= sizeof(struct chunk);
	if (!may_be || !libc_is_in_use() || !os_is_readable(chunk))
		return false;
	size_t size = chunk->size & ~(size_t)CHUNK_FLAGS;
	if (size < CHUNK_MIN_BYTES || size % sizeof(struct chunk) != 0)
		return false;
	if (chunk->size & CHUNK_MAPPED)
		return mapped_chunk_is_sound(chunk, size);
	if ((chunk->size & CHUNK_OTHER_ARENA) && !lies_in_any_heap(chunk, size))
		return false;
	return is_in_use(chunk, size);
}

void libc_heap_free(void *pointer)
{
	static void *_Atomic known;
	((void (*)(void *))libc_symbol(&known, "__libc_free"))(pointer);
}

void *libc_heap_realloc(void *pointer, size_t bytes)
{
	static void *_Atomic known;
	return ((void *(*)(void *, size_t))libc_symbol(&known, "__libc_realloc"))(pointer, bytes);
}

size_t libc_heap_usable(void *pointer)
{
	static void *_Atomic known;
	return ((size_t(*)(void *))libc_symbol(&known, "malloc_usable_size"))(pointer);
}
