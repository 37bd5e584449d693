// expect: nothing
#include "misuse.h"

int main(void)
{
	free(NULL);
	if (malloc_usable_size(NULL) != 0)
		return 1;
	return realloc(NULL, 0) == NULL;
}
