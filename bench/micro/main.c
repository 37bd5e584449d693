/*
 * main.c - bench/micro's program: `micro` lists its tests, `micro NAME` runs one. One test a process, so that the peak
 * of the resident set is the test's own and none profits from what another left behind.
 */
#include "bodies.h"

enum { MOST_TESTS = 128 };

static const double full_seconds = 0.15, quick_seconds = 0.05;

static struct test {
	const char *name;
	bench_body *body;
	size_t argument;
} tests[MOST_TESTS];

static int tests_count;

void bench_register(const char *name, bench_body *body, size_t argument)
{
	load_check(tests_count < MOST_TESTS, "too many tests");
	tests[tests_count++] = (struct test){name, body, argument};
}

static void register_all(void)
{
	register_pairs();
	register_batches();
	register_replacement();
	register_growth();
	register_blocks();
	register_threads();
	register_counters();
	register_processes();
	register_operators();
	register_caches();
}

static const struct test *test_named(const char *name)
{
	for (int i = 0; i < tests_count; i++)
		if (strcmp(tests[i].name, name) == 0)
			return &tests[i];
	fprintf(stderr, "micro: no test named \"%s\"\n", name);
	exit(2);
}

static bool run(const struct test *test)
{
	bool good = bench_run(test->name, test->body, test->argument, bench_quick() ? quick_seconds : full_seconds);
	bench_report_peak();
	return good;
}

int main(int argc, char **argv)
{
	register_all();
	if (argc > 1)
		return !run(test_named(argv[1]));
	for (int i = 0; i < tests_count; i++)
		puts(tests[i].name);
	return 0;
}
