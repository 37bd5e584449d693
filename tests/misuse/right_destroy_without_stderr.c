// expect: nothing
// Live objects are named without a lock: nobody reads standard error, and the handler of SIGPIPE allocates.
#include "cache.h"

int main(void)
{
	int ends[2];
	struct lm_cache *cache = cache_of(64, 0);

	signal(SIGPIPE, allocate_in_handler);
	alarm(20);
	if (lm_cache_alloc(cache) == NULL || pipe(ends) != 0 || close(ends[0]) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
		_exit(2);
	return lm_cache_destroy(cache) != 1;
}
