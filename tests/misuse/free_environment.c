// expect: pointer into the stack|pointer never allocated (free)
// The kernel puts the environment above the first stack frame, at any alignment.
#include "misuse.h"

int main(void)
{
	free(show(getenv("PATH")));
	_exit(0);
}
