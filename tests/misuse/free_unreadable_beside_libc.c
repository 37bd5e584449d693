// expect: pointer never allocated (free)
#include "libc_chunk.h"

int main(void)
{
	use_libcs_malloc();
	char *p = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	free(show(p + 4096));
	_exit(0);
}
