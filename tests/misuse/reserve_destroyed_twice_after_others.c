// expect: reserve already destroyed (lm_reserve_destroy)
#include "misuse.h"
#include <libmalloc.h>

static void *get(unsigned flags, void *context) { return flags != 0 ? malloc(64) : context; }
static void put(void *object, void *context) { free(context == NULL ? object : NULL); }

int main(void)
{
	struct lm_reserve *reserve = lm_reserve_create(1, get, put, NULL);

	show(reserve);
	lm_reserve_destroy(reserve);
	for (int i = 0; i < 4095; i++)
		lm_reserve_destroy(lm_reserve_create(1, get, put, NULL));
	lm_reserve_create(1, get, put, NULL);
	lm_reserve_destroy(reserve);
	_exit(0);
}
