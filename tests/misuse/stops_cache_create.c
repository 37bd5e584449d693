// stops: libmalloc: bad argument: size must be 1 to 131072 (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	lm_cache_create("c", 0, 0, LM_CACHE_PANIC, NULL, NULL);
	_exit(0);
}
