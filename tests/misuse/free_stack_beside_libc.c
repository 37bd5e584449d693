// expect: pointer into the stack (free)
#include "libc_chunk.h"

int main(void)
{
	use_libcs_malloc();
	_Alignas(16) char local[64];

	free(show(local + 32));
	_exit(0);
}
