/* 1000 times calloc(1 GiB) and free: what the kernel just mapped is zero already, and must not be cleared. A page that is
 * cleared is faulted in: so the page faults are counted. The program itself touches two pages of each block, which may
 * be huge ones. The time is only told.
 */
#include "surroundings.h"
#include <sys/resource.h>
#include <time.h>

enum { BLOCKS = 1000, FAULTS_OF_A_BLOCK = 20 };

static long faults(void)
{
	struct rusage usage;

	CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
	return usage.ru_minflt;
}

int main(void)
{
	clock_t start = clock();
	long before = faults();

	for (int i = 0; i < BLOCKS; i++) {
		volatile char *p = calloc(1024, 1 << 20);
		CHECK(p);
		CHECK(p[i] == 0 && p[(1 << 30) - 1 - i] == 0);
		p[i] = p[(1 << 30) - 1 - i] = 1;
		free((void *)p);
	}
	double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
	long all = faults() - before, peak_kib = proc_kib("/proc/self/status", "VmHWM:");
	printf("%ld page faults and %.3f s of CPU for 1000 x calloc(1 GiB), peak RSS %.1f MB\n", all, seconds,
	       (double)peak_kib / 1024);
	CHECK(all < BLOCKS * FAULTS_OF_A_BLOCK);
	CHECK(peak_kib < 100 * 1024);
	return 0;
}
