/* A library in front that wraps malloc, calloc, realloc and free with a header, and passes on what it does not know, as
 * glibc's libmemusage and many tracers do. It also counts the blocks that are live. With ALIGNED_ALLOC it wraps that
 * too, and takes only multiples of the alignment (C11, 7.22.3.1). HEADER_BYTES: how long a header is, a multiple of 16.
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MAGIC 0xfeedbeefcafe1234ul

#ifndef HEADER_BYTES
#define HEADER_BYTES 16
#endif

struct header {
	size_t bytes;
	char unused[HEADER_BYTES - 2 * sizeof(size_t)];
	size_t magic;
};

static void *(*next_malloc)(size_t), *(*next_realloc)(void *, size_t), *(*next_aligned_alloc)(size_t, size_t);
static void (*next_free)(void *);
static _Atomic long live, aligned_calls;

long wrapper_live(void) { return live; }
long wrapper_aligned_calls(void) { return aligned_calls; }

static void find_next(void)
{
	if (next_malloc)
		return;
	next_realloc = (void *(*)(void *, size_t))dlsym(RTLD_NEXT, "realloc");
	next_aligned_alloc = (void *(*)(size_t, size_t))dlsym(RTLD_NEXT, "aligned_alloc");
	next_free = (void (*)(void *))dlsym(RTLD_NEXT, "free");
	next_malloc = (void *(*)(size_t))dlsym(RTLD_NEXT, "malloc");
}

static void *with_header(struct header *header, size_t bytes)
{
	if (!header)
		return NULL;
	header->bytes = bytes;
	header->magic = MAGIC;
	return header + 1;
}

void *malloc(size_t bytes)
{
	find_next();
	void *p = with_header(next_malloc(bytes + sizeof(struct header)), bytes);
	live += p != NULL;
	return p;
}

void *calloc(size_t count, size_t bytes)
{
	void *p = count != 0 && bytes > SIZE_MAX / count ? NULL : malloc(count * bytes);

	return p ? memset(p, 0, count * bytes) : NULL;
}

void free(void *p)
{
	struct header *header = (struct header *)p - 1;

	if (!p)
		return;
	if (header->magic == MAGIC) {
		header->magic = 0;
		p = header;
		live--;
	}
	find_next();
	next_free(p);
}

void *realloc(void *p, size_t bytes)
{
	struct header *header = (struct header *)p - 1;

	if (!p)
		return malloc(bytes);
	if (header->magic != MAGIC)
		return next_realloc(p, bytes);
	return with_header(next_realloc(header, bytes + sizeof *header), bytes);
}

#ifdef ALIGNED_ALLOC
void *aligned_alloc(size_t alignment, size_t bytes)
{
	find_next();
	aligned_calls++;
	return bytes % alignment ? NULL : next_aligned_alloc(alignment, bytes);
}
#endif
