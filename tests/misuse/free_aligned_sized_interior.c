// expect: interior pointer (free_aligned_sized|free_sized)
#include "misuse.h"

int main(void)
{
	char *p = aligned_alloc(64, 256);

	find_free_aligned_sized()(show(p + 64), 64, 256);
	_exit(0);
}
