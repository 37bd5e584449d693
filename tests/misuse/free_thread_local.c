// expect: pointer never allocated (free)
#include "misuse.h"

static _Thread_local _Alignas(16) char local[64];

int main(void)
{
	free(show(local));
	_exit(0);
}
