// expect: pointer into the stack (realloc)
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];
	char *p = reallocarray(show(local), 10, 10);

	_exit(p == NULL);
}
