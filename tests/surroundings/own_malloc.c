/* An executable that brings its own malloc, calloc, realloc and free and nothing else of the family; libraries
 * beside it use the rest (PEERS.md 2: fd#2121, rust#126200, mimalloc#754). All that libmalloc still answers,
 * operator new first, must follow the executable's malloc, since the executable's free will get the pointer.
 *
 * The allocator hands out blocks from one array in order and aborts on a pointer that is not one of them.
 * own_malloc_wrap.c is the same program with an allocator that counts and passes on.
 */
#include "own_malloc.h"
#include "surroundings.h"
#include <stdatomic.h>

#define POOL_BYTES ((size_t)1 << 30) /* never used twice, so most of it is never touched */
#define LIVE UINT64_C(0x11fe11fe11fe11fe)

struct header {
	uint64_t state;
	size_t size;
};

static _Alignas(16) char pool[POOL_BYTES];
static _Atomic size_t pool_used;
static _Atomic unsigned long calls;

unsigned long own_malloc_calls(void) { return calls; }

static struct header *header_of(void *p, const char *function)
{
	struct header *header = (struct header *)p - 1;
	uintptr_t offset = (uintptr_t)header - (uintptr_t)pool;

	if (offset >= POOL_BYTES || offset % 16 || header->state != LIVE) {
		dprintf(2, "own_malloc: %s of %p, which malloc did not return\n", function, p);
		abort();
	}
	return header;
}

size_t own_malloc_room(void *p) { return header_of(p, "own_malloc_room")->size; }

void *malloc(size_t size)
{
	if (size > POOL_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	size_t room = sizeof(struct header) + ((size + 15) & ~(size_t)15);
	size_t at = atomic_fetch_add(&pool_used, room);
	calls++;
	if (at + room > POOL_BYTES) {
		errno = ENOMEM;
		return NULL;
	}
	struct header *header = (struct header *)(pool + at);
	header->state = LIVE;
	header->size = size;
	return header + 1;
}

void free(void *p)
{
	if (p)
		header_of(p, "free")->state = 0;
}

void *calloc(size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return malloc(bytes); /* the pool is zero and never used twice */
}

void *realloc(void *p, size_t size)
{
	if (!p)
		return malloc(size);
	struct header *header = header_of(p, "realloc");
	if (size == 0) {
		free(p);
		return NULL;
	}
	void *grown = malloc(size);
	if (grown) {
		memcpy(grown, p, size < header->size ? size : header->size);
		free(p);
	}
	return grown;
}

/* A bump allocator serves alignments above its own only by luck; below 16 they must be served. */
int main(void)
{
	own_malloc_run(16);
	return 0;
}
