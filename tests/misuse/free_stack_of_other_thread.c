// expect: pointer into the stack|pointer never allocated (free)
#include "misuse.h"

static void *misuse(void *arg)
{
	free(show(arg));
	return arg;
}

int main(void)
{
	_Alignas(16) char local[64];

	in_thread(misuse, local);
	_exit(0);
}
