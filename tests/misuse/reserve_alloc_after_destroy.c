// expect: reserve already destroyed (lm_reserve_alloc)
#include "reserve.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_reserve *reserve = reserve_of_one();

	show(reserve);
	lm_reserve_destroy(reserve);
	lm_reserve_alloc(reserve, 0);
	_exit(0);
}
