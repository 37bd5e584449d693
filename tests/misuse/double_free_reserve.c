// expect: double free (lm_reserve_free)
#include "misuse.h"
#include <libmalloc.h>

static int is_short;

static void *get(unsigned flags, void *context) { return is_short || flags == 0 || context != NULL ? NULL : malloc(64); }
static void put(void *object, void *context) { free(context == NULL ? object : NULL); }

int main(void)
{
	struct lm_reserve *reserve = lm_reserve_create(2, get, put, NULL);
	is_short = 1;
	lm_reserve_alloc(reserve, 0);
	char *p = show(lm_reserve_alloc(reserve, 0));
	lm_reserve_free(reserve, p);
	lm_reserve_free(reserve, p);
	_exit(0);
}
