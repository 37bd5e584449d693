/* A vector grown 8 bytes at a time by realloc to 100 MB: RSS at most 1.3 times its size, on the way and at its peak,
 * contents kept. 2 MB are let pass for what the process has besides.
 */
#include "surroundings.h"

#define LENGTH ((size_t)100 << 17) /* 100 MB of 8-byte elements */

int main(void)
{
	uint64_t *vector = NULL;
	double before = rss_mb(), worst = 0;
	long moves = 0;

	for (size_t i = 0; i < LENGTH; i++) {
		uintptr_t was = (uintptr_t)vector;
		CHECK((vector = realloc(vector, (i + 1) * 8)));
		moves += was != (uintptr_t)vector;
		vector[i] = i * 31;
		CHECK(vector[i / 2] == i / 2 * 31);
		if ((i + 1) % (1 << 17))
			continue;
		double size = (double)(i + 1) * 8 / (1 << 20), ratio = (rss_mb() - before - 2) / size;
		if (ratio > worst)
			worst = ratio;
	}
	for (size_t i = 0; i < LENGTH; i++)
		CHECK(vector[i] == i * 31);
	double peak = (double)proc_kib("/proc/self/status", "VmHWM:") / 1024 - before - 2;
	printf("RSS at most %.2f x the size at each MB, %.2f x at the end, peak %.2f x; moved %ld times\n", worst,
	       (rss_mb() - before - 2) / 100, peak / 100, moves);
	CHECK(worst <= 1.3);
	CHECK(peak <= 130);
	free(vector);
	CHECK(rss_mb() - before <= 8);
	return 0;
}
