// expect: nothing
#include "misuse.h"

int main(void)
{
	for (size_t align = 16; align <= 4 << 20; align *= 2)
		for (size_t size = 1; size <= 1 << 20; size *= 8) {
			void *p = memalign(align, size), *q = aligned_alloc(align, align * 2), *r;

			if (posix_memalign(&r, align, size) != 0 || p == NULL || q == NULL)
				return 1;
			free(p);
			free(q);
			free(r);
		}
	free(valloc(100));
	free(pvalloc(100));
	return 0;
}
