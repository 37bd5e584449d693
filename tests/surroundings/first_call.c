/* The first call that a thread makes is any of the entry points, with a pointer that another thread made.
 * Each call is made in a thread of its own that makes no other call.
 */
#include "surroundings.h"
#include <malloc.h>
#include <pthread.h>

struct call {
	void (*function)(struct call *);
	size_t size;
	void *pointer;
};

static void call_free(struct call *c) { free(c->pointer), c->pointer = NULL; }
static void call_realloc(struct call *c) { CHECK((c->pointer = realloc(c->pointer, c->size * 2))); }
static void call_shrink(struct call *c) { CHECK((c->pointer = realloc(c->pointer, c->size / 3 + 1))); }
static void call_reallocarray(struct call *c) { CHECK((c->pointer = reallocarray(c->pointer, c->size, 3))); }
static void call_usable_size(struct call *c) { CHECK(malloc_usable_size(c->pointer) >= c->size); }
static void call_trim(struct call *c) { (void)c, malloc_trim(0); }
static void call_mallinfo(struct call *c) { (void)c, (void)mallinfo2(); }
static void call_free_null(struct call *c) { (void)c, free(NULL); }
static void call_release(struct call *c) { c->pointer = realloc(c->pointer, 0); }

/* The next ones make a block that the main thread frees, after it has freed the one it made. */
static void call_calloc(struct call *c) { free(c->pointer), c->pointer = calloc(1, c->size); }
static void call_malloc(struct call *c) { CHECK((c->pointer = malloc(c->size))); }
static void call_aligned(struct call *c) { CHECK((c->pointer = aligned_alloc(64, c->size))); }
static void call_memalign(struct call *c) { CHECK((c->pointer = memalign(4096, c->size))); }
static void call_posix(struct call *c) { CHECK(posix_memalign(&c->pointer, 256, c->size) == 0); }
static void call_valloc(struct call *c) { CHECK((c->pointer = valloc(c->size))); }
static void call_pvalloc(struct call *c) { CHECK((c->pointer = pvalloc(c->size))); }

static void *thread(void *call)
{
	((struct call *)call)->function(call);
	return NULL;
}

static void try_in_thread(void (*function)(struct call *), size_t size, int with_pointer)
{
	pthread_t id;
	struct call call = {function, size, with_pointer ? malloc(size) : NULL};

	if (with_pointer)
		memset(call.pointer, 1, size);
	CHECK(pthread_create(&id, NULL, thread, &call) == 0);
	CHECK(pthread_join(id, NULL) == 0);
	free(call.pointer);
}

int main(void)
{
	static void (*const given[])(struct call *) = {call_free,	 call_realloc, call_shrink,    call_reallocarray,
						       call_usable_size, call_trim,    call_free_null, call_mallinfo,
						       call_release,	 call_calloc};
	static void (*const making[])(struct call *) = {call_malloc, call_aligned, call_memalign,
							call_posix,  call_valloc,  call_pvalloc};
	static const size_t sizes[] = {8, 64, 1000, 20000, 100000, 1 << 20};
	int threads = 0;

	for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
		for (size_t i = 0; i < sizeof given / sizeof given[0]; i++, threads++)
			try_in_thread(given[i], sizes[s], 1);
		for (size_t i = 0; i < sizeof making / sizeof making[0]; i++, threads++)
			try_in_thread(making[i], sizes[s], 0);
	}
	printf("%d threads, each with one first call\n", threads);
	return 0;
}
