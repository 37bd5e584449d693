// expect: nothing
// A wrong size is harmless.
#include "misuse.h"

int main(void)
{
	for (size_t size = 1; size < 1 << 20; size = size * 5 / 4 + 1) {
		find_free_sized()(malloc(size), size);
		find_free_sized()(malloc(size), size / 2);
		find_free_aligned_sized()(aligned_alloc(64, size / 64 * 64 + 64), 64, size / 64 * 64 + 64);
	}
	find_free_sized()(NULL, 10);
	malloc_trim(0);
	return 0;
}
