// expect: double free (free)
#include "libc_chunk.h"

/* In pages of the heap that are free, and below others that are not. */
int main(void)
{
	use_libcs_malloc();
	mallopt(M_MMAP_MAX, 0);
	char *p = malloc(256 << 10), *above = malloc(256 << 10);
	char *inside = show(like_libcs(p + 65536));

	free(p);
	free(inside);
	free(above);
	_exit(0);
}
