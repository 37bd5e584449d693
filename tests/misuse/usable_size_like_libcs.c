// expect: interior pointer (malloc_usable_size)
#include "libc_chunk.h"

int main(void)
{
	use_libcs_malloc();
	char *p = malloc(100000);

	malloc_usable_size(show(like_libcs(p + 4096)));
	_exit(0);
}
