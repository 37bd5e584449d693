// expect: pointer never allocated (free)
#include "libc_chunk.h"

/* Marked as a mapping, of which neither end is where pages begin. */
int main(void)
{
	use_libcs_malloc();
	char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	like_libcs(p + 65536)[-8] = 2;
	free(show(p + 65536));
	_exit(0);
}
