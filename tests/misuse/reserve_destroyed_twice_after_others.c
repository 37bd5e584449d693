// expect: reserve already destroyed (lm_reserve_destroy)
#include "reserve.h"
#include <libmalloc.h>

int main(void)
{
	struct lm_reserve *reserve = reserve_of_one();

	show(reserve);
	lm_reserve_destroy(reserve);
	for (int i = 0; i < 4095; i++)
		lm_reserve_destroy(reserve_of_one());
	reserve_of_one();
	lm_reserve_destroy(reserve);
	_exit(0);
}
