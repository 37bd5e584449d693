// expect: nothing
// What cannot be had leaves the old object alone.
#include "misuse.h"

int main(void)
{
	volatile size_t huge = SIZE_MAX / 2;
	char *p = strcpy(malloc(10), "kept");

	if (calloc(huge, 3) != NULL || reallocarray(p, huge, 3) != NULL || errno != ENOMEM)
		return 1;
	if (realloc(p, huge) != NULL || malloc(huge) != NULL || strcmp(p, "kept") != 0)
		return 1;
	free(p);
	return 0;
}
