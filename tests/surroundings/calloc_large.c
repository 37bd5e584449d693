/* 1000 times calloc(1 GiB) and free: what the kernel just mapped is zero already (PEERS.md 11, mimalloc#1104: 25 s
 * against 0.009 s). The target is 0.1 s of CPU; the test fails at 2 s.
 */
#include "surroundings.h"
#include <time.h>

int main(void)
{
	clock_t start = clock();

	for (int i = 0; i < 1000; i++) {
		volatile char *p = calloc(1024, 1 << 20);
		CHECK(p);
		CHECK(p[i] == 0 && p[(1 << 30) - 1 - i] == 0);
		p[i] = p[(1 << 30) - 1 - i] = 1;
		free((void *)p);
	}
	double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	printf("%.3f s of CPU for 1000 x calloc(1 GiB) (target 0.1), peak RSS %.1f MB\n", seconds,
	       (double)proc_kib("/proc/self/status", "VmHWM:") / 1024);
	CHECK(seconds < 2);
	return 0;
}
