/* The executable's malloc counts its calls and passes them on to the next one, as heap tracers linked into a
 * program do. The next one is libmalloc, which therefore can and must serve every alignment. */
#include "own_malloc.h"
#include "surroundings.h"
#include <dlfcn.h>
#include <malloc.h>
#include <stdatomic.h>

static _Atomic unsigned long calls;

unsigned long own_malloc_calls(void) { return calls; }
size_t own_malloc_room(void *p) { return malloc_usable_size(p); }

const int own_malloc_frees_aligned = 1;
void own_malloc_end_aligned(void *p) { free(p); }

#define NEXT(function, type) ((type)dlsym(RTLD_NEXT, function))

void *malloc(size_t size)
{
	calls++;
	return NEXT("malloc", void *(*)(size_t))(size);
}

void free(void *p)
{
	NEXT("free", void (*)(void *))(p);
}

void *calloc(size_t count, size_t size)
{
	return NEXT("calloc", void *(*)(size_t, size_t))(count, size);
}

void *realloc(void *p, size_t size)
{
	return NEXT("realloc", void *(*)(void *, size_t))(p, size);
}

int main(void)
{
	own_malloc_run();
	return 0;
}
