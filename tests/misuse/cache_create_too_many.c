// expect: too many caches (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	char name[20];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "cache-%d", i);
		struct lm_cache *cache = lm_cache_create(name, 64, 0, LM_CACHE_NO_MERGE, NULL, NULL);

		if (cache == NULL)
			break;
	}
	printf("%s\n", name);
	fflush(stdout);
	lm_cache_create(name, 64, 0, LM_CACHE_NO_MERGE | LM_CACHE_PANIC, NULL, NULL);
}
