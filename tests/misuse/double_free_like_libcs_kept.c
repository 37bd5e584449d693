// expect: double free (free)
#include "libc_chunk.h"

/* In a mapping that is kept for reuse. */
int main(void)
{
	use_libcs_malloc();
	for (int i = 0; i < 3; i++)
		free(malloc(1 << 20));
	char *p = malloc(1 << 20);
	char *inside = show(like_libcs(p + 65536));

	free(p);
	free(inside);
	_exit(0);
}
