// expect: pointer never allocated (free)
#include "misuse.h"

/* It lies above the thread's stack, which is mapped later. */
static void *misuse(void *mapping)
{
	free(show(mapping));
	return NULL;
}

int main(void)
{
	in_thread(misuse, mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	_exit(0);
}
