// expect: pointer into the stack (free)
#include "misuse.h"

static void *misuse(void *arg)
{
	_Alignas(16) char local[64];

	free(show(local));
	return arg;
}

int main(void)
{
	in_thread(misuse, NULL);
	_exit(0);
}
