/*
 * libc_heap.c - see libc_heap.h.
 *
 * glibc's chunk (malloc/malloc.c, "malloc_chunk"), as far as it is looked at:
 *
 *      pointer - 16: size of the chunk before, or of the unused front of a mapping
 *      pointer -  8: size of this chunk | 1 previous in use | 2 mapped | 4 not the main arena
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

/* glibc's struct mallinfo2 (mallinfo(3)), which older headers lack. */
struct libc_info {
	size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};

enum {
	CHUNK_MAPPED = 2,
	CHUNK_OTHER_ARENA = 4,
	CHUNK_FLAGS = 7,
	CHUNK_MIN_BYTES = 32,
	ARENA_HEAP_BYTES = 64 << 20, /* arenas but the main one lie in heaps aligned to this */
};

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

static bool mapped_chunk_is_sound(const struct chunk *chunk, size_t size)
{
	size_t page = os_page_size();
	return ((uintptr_t)chunk - chunk->before) % page == 0 && (chunk->before + size) % page == 0;
}

static bool arena_chunk_is_sound(const struct chunk *chunk)
{
	void *const *heap = (void *const *)round_down((uintptr_t)chunk, ARENA_HEAP_BYTES);
	return os_is_mapped(heap) && *heap != NULL && os_is_mapped(*heap);
}

/* The chunk behind must know that this one is in use. */
static bool main_chunk_is_sound(const struct chunk *chunk, size_t size)
{
	const struct chunk *next = (const struct chunk *)((const char *)chunk + size);
	return os_is_mapped(next) && os_is_mapped(&next->size) && (next->size & 1) != 0;
}

bool libc_heap_owns(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	const struct chunk *chunk = (const struct chunk *)(address - sizeof(struct chunk));
	bool may_be = address % sizeof(struct chunk) == 0 && address >= sizeof(struct chunk);
	if (!may_be || !libc_is_in_use() || !os_is_mapped(chunk))
		return false;
	size_t size = chunk->size & ~(size_t)CHUNK_FLAGS;
	if (size < CHUNK_MIN_BYTES || size % sizeof(struct chunk) != 0)
		return false;
	if (chunk->size & CHUNK_MAPPED)
		return mapped_chunk_is_sound(chunk, size);
	if (chunk->size & CHUNK_OTHER_ARENA)
		return arena_chunk_is_sound(chunk);
	return main_chunk_is_sound(chunk, size);
}

void libc_heap_free(void *pointer)
{
	static void (*_Atomic libc_free)(void *);
	if (atomic_load_explicit(&libc_free, memory_order_relaxed) == NULL)
		atomic_store_explicit(&libc_free, (void (*)(void *))libc_symbol("__libc_free"), memory_order_relaxed);
	atomic_load_explicit(&libc_free, memory_order_relaxed)(pointer);
}

void *libc_heap_realloc(void *pointer, size_t bytes)
{
	void *(*libc_realloc)(void *, size_t) = (void *(*)(void *, size_t))libc_symbol("__libc_realloc");
	return libc_realloc(pointer, bytes);
}

size_t libc_heap_usable(void *pointer)
{
	size_t (*libc_usable)(void *) = (size_t (*)(void *))libc_symbol("malloc_usable_size");
	return libc_usable(pointer);
}
