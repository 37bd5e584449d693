/* An executable that brings its own malloc, calloc, realloc and free and nothing else of the family; libraries
 * beside it use the rest. As with glibc, operator new and libc's own
 * allocations follow the executable's malloc, since its free will get the pointer; and what it does not define, the
 * aligned functions above all, comes from the heap behind it, for which its free is not made.
 *
 * The allocator hands out blocks from one array in order and aborts on a pointer that is not one of them. With ALL the
 * executable defines the aligned functions too. own_malloc_wrap.c is the same program with an allocator that counts and
 * passes on.
 */
#include "own_malloc.h"
#include "surroundings.h"
#include <dlfcn.h>
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

static struct header *header_at(void *p) { return (struct header *)p - 1; }

static struct header *header_of(void *p, const char *function)
{
	struct header *header = header_at(p);
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
	if (size == 0) /* as C has it, no failure */
		return NULL;
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

#ifdef ALL

const int own_malloc_frees_aligned = 1;
void own_malloc_end_aligned(void *p) { free(p); }

/* The header stands right before the block, wherever that is. */
void *memalign(size_t alignment, size_t size)
{
	char *p = size <= POOL_BYTES ? malloc(size + alignment) : NULL;
	if (!p)
		return NULL;
	char *aligned = (char *)(((uintptr_t)p + alignment - 1) & ~(alignment - 1));
	*header_at(aligned) = (struct header){LIVE, size};
	return aligned;
}

void *aligned_alloc(size_t alignment, size_t size)
{
	CHECK(size % alignment == 0); /* C11, 7.22.3.1 */
	return memalign(alignment, size);
}

int posix_memalign(void **result, size_t alignment, size_t size)
{
	*result = memalign(alignment, size);
	return *result ? 0 : ENOMEM;
}

void *valloc(size_t size) { return memalign(4096, size); }
void *pvalloc(size_t size) { return memalign(4096, (size + 4095) & ~(size_t)4095); }
size_t malloc_usable_size(void *p) { return p ? own_malloc_room(p) : 0; }

#else

const int own_malloc_frees_aligned = 0;

/* Where the library is, it takes back what is its own; libc's malloc would have to be asked by other means. */
void own_malloc_end_aligned(void *p)
{
	void (*lm_kvfree)(void *) = (void (*)(void *))dlsym(RTLD_DEFAULT, "lm_kvfree");

	if (lm_kvfree)
		lm_kvfree(p);
}

#endif

int main(void)
{
	own_malloc_run();
	return 0;
}
