// expect: pointer into the stack (realloc)
#include "misuse.h"

int main(void)
{
	_Alignas(16) char local[64];
	char *p = realloc(show(local), 40);

	_exit(p == NULL);
}
