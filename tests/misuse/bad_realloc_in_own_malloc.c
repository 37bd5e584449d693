// expect: pointer never allocated (realloc)
#include "misuse.h"

// A malloc of the program's own that lacks realloc: what glibc reallocates on the way to a report would be one more bad
// pointer, and the report must not wait for itself.
static char pool[1 << 20] __attribute__((aligned(16)));

void *malloc(size_t size)
{
	static size_t used;

	used += (size + 31) & ~15ul;
	return used <= sizeof(pool) ? pool + used - ((size + 31) & ~15ul) + 16 : NULL;
}

void free(void *p) { (void)p; }

int main(void)
{
	signal(SIGABRT, SIG_DFL); // a handler's realloc would be bad here
	_exit(realloc(show(malloc(100)), 200) != NULL);
}
