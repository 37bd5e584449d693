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
	lm_reserve_destroy(reserve);
	_exit(0);
}
