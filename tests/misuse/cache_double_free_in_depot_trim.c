// expect: double free (free)
// It is found when the objects go from the depot to their slabs.
#include "cache.h"

int main(void)
{
	cache_with_double_free();
	malloc_trim(0);
	_exit(0);
}
