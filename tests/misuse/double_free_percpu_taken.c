// expect: double free (lm_percpu_free)
#include "percpu.h"

#include <libmalloc.h>

int main(void)
{
	lm_percpu_free(show(taken_percpu()));
	_exit(0);
}
