/*
 * libc_heap.c - see libc_heap.h.
 *
 * glibc's chunk (malloc/malloc.c, "malloc_chunk"), the same from 2.34 to 2.41, as far as it is looked at:
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
 * A pointer passes if all holds that stays true while its chunk is live, whatever other threads do to the chunks around
 * it. Nothing else is looked at: it may just be changing.
 */
#define _GNU_SOURCE
#include "malloc/libc_heap.h"

#include "base/bits.h"
#include "os/map.h"
#include "os/page_size.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>

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
	ARENA_MAX_OFFSET = 4096,
};

/* The largest heap: 64 MiB; with the tunable glibc.malloc.hugetlb=2 four huge pages, of 2 MiB or of 1 GiB. */
static const size_t heap_max_bytes[] = {64 << 20, 8 << 20, (size_t)4 << 30};

/* libc's own definition, past ours; NULL where libc is not glibc. */
static void *libc_symbol(const char *name)
{
	if (dlsym == NULL || dlopen == NULL)
		return NULL;
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	return libc == NULL ? NULL : dlsym(libc, name);
}

/* Once its allocator has handed something out, it stays in use. */
static bool libc_is_in_use(void)
{
	static _Atomic bool in_use;
	if (!atomic_load_explicit(&in_use, memory_order_relaxed)) {
		struct libc_info (*mallinfo2)(void) = (struct libc_info(*)(void))libc_symbol("mallinfo2");
		struct libc_info info = mallinfo2 == NULL ? (struct libc_info){0} : mallinfo2();
		atomic_store_explicit(&in_use, info.arena + info.hblkhd > 0, memory_order_relaxed);
	}
	return atomic_load_explicit(&in_use, memory_order_relaxed);
}

static bool is_power_of_two_or_0(size_t x) { return (x & (x - 1)) == 0; }

/* As glibc's free wants it. */
static bool mapped_chunk_is_sound(const struct chunk *chunk, size_t size)
{
	size_t page = os_page_size();
	uintptr_t address = (uintptr_t)(chunk + 1);
	return (chunk->size & CHUNK_FLAGS) == CHUNK_MAPPED && ((uintptr_t)chunk - chunk->before) % page == 0 &&
	       (chunk->before + size) % page == 0 && is_power_of_two_or_0(address % page);
}

/* The chunk behind knows that this one is in use; it may be no more than a header that ends the heap. */
static bool is_in_use(const struct chunk *chunk, size_t size)
{
	const struct chunk *next = (const struct chunk *)((uintptr_t)chunk + size);
	return os_is_readable(next) && (next->size & CHUNK_PREVIOUS_IN_USE) != 0 &&
	       (next->size & ~(size_t)CHUNK_FLAGS) >= sizeof(struct chunk);
}

static const struct heap *heap_around(const void *address, size_t max_bytes)
{
	const struct heap *heap = (const struct heap *)round_down((uintptr_t)address, max_bytes);
	return os_is_readable(heap) ? heap : NULL;
}

static bool lies_in_heap(const struct chunk *chunk, size_t size, size_t max_bytes)
{
	const struct heap *heap = heap_around(chunk, max_bytes);
	if (heap == NULL || heap->bytes > max_bytes || (uintptr_t)chunk - (uintptr_t)heap + size >= heap->bytes)
		return false;
	const struct heap *first = heap_around(heap->arena, max_bytes);
	return first != NULL && first->arena == heap->arena &&
	       (uintptr_t)first->arena - (uintptr_t)first < ARENA_MAX_OFFSET;
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

/* The same, looked up at the first call. */
static void *libc_symbol_once(void *_Atomic *known, const char *name)
{
	if (atomic_load_explicit(known, memory_order_relaxed) == NULL)
		atomic_store_explicit(known, libc_symbol(name), memory_order_relaxed);
	return atomic_load_explicit(known, memory_order_relaxed);
}

void libc_heap_free(void *pointer)
{
	static void *_Atomic known;
	((void (*)(void *))libc_symbol_once(&known, "__libc_free"))(pointer);
}

void *libc_heap_realloc(void *pointer, size_t bytes)
{
	static void *_Atomic known;
	return ((void *(*)(void *, size_t))libc_symbol_once(&known, "__libc_realloc"))(pointer, bytes);
}

size_t libc_heap_usable(void *pointer)
{
	static void *_Atomic known;
	return ((size_t(*)(void *))libc_symbol_once(&known, "malloc_usable_size"))(pointer);
}
