// expect: interior pointer (free)
#include "libc_chunk.h"

int main(void)
{
	use_libcs_malloc();
	char *p = malloc(20 << 20);

	free(show(like_libcs(p + 4096)));
	_exit(0);
}
