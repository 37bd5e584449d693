// expect: reserve already destroyed (lm_reserve_resize)
#include "reserve.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_reserve *reserve = reserve_of_one();

	show(reserve);
	lm_reserve_destroy(reserve);
	lm_reserve_resize(reserve, 2);
	_exit(0);
}
