// says: libmalloc: out of memory: 9223372036854775807 bytes (lm_realloc)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char *p = (char *)malloc(100);

	strcpy(p, "kept");
	return refused(lm_realloc(p, SIZE_MAX / 2, 0), ENOMEM) && strcmp(p, "kept") == 0 ? 0 : 1;
}
