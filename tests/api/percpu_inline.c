/*
 * The additions and lm_percpu_this are done by the code that the header puts into the program: the library's functions
 * behind it, which this program defines itself and counts, are asked once, to learn where the thread's area is. And a
 * pointer at an odd address, or to another library's variable, goes to them each time, and works.
 *
 * (How much faster that is than a shared counter: the rows counter/shared and counter/percpu of the benchmarks.)
 */
#define _GNU_SOURCE
#include <libmalloc.h>

#include "must.h"

#include <dlfcn.h>

enum { ADDS = 100000, UNABLE = 77 };

/* glibc 2.35 and later; 0 where it has registered no restartable sequences. */
extern const unsigned __rseq_size __attribute__((weak));

static LM_DEFINE_PER_CPU(int64_t, fixed);
static unsigned asked;

static void *next(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);
	MUST(function != NULL);
	asked++;
	return function;
}

void lm_percpu_add_slow(int64_t *percpu, int64_t amount, struct lm_percpu_here *here)
{
	((__typeof__(&lm_percpu_add_slow))next("lm_percpu_add_slow"))(percpu, amount, here);
}

void lm_percpu_add32_slow(int32_t *percpu, int32_t amount, struct lm_percpu_here *here)
{
	((__typeof__(&lm_percpu_add32_slow))next("lm_percpu_add32_slow"))(percpu, amount, here);
}

void *lm_percpu_this_slow(const void *percpu, struct lm_percpu_here *here)
{
	return ((__typeof__(&lm_percpu_this_slow))next("lm_percpu_this_slow"))(percpu, here);
}

/* As a field of a packed structure is. */
static int64_t *odd(char *percpu) { return (int64_t *)(void *)(percpu + 1); }

int main(void)
{
	if (&__rseq_size == NULL || __rseq_size == 0)
		return puts("no restartable sequences: atomics it is"), UNABLE;
	char *dynamic = (char *)lm_percpu_alloc(64, 0);
	int64_t *counter = (int64_t *)(void *)dynamic;
	int32_t *narrow = (int32_t *)(void *)(dynamic + 20);
	MUST(dynamic != NULL);
	for (int i = 0; i < ADDS; i++) {
		lm_percpu_add(counter, 1);
		lm_percpu_add(&fixed, 2);
		lm_percpu_add32(narrow, 3);
		MUST(lm_percpu_this(dynamic + 63) != NULL);
	}
	MUST(asked == 1);
	MUST(lm_percpu_sum(counter) == ADDS);
	MUST(lm_percpu_sum(&fixed) == INT64_C(2) * ADDS);
	MUST(lm_percpu_sum32(narrow) == 3 * ADDS);
	lm_percpu_free(dynamic);

	dynamic = (char *)lm_percpu_alloc(64, 0);
	for (int i = 0; i < ADDS; i++)
		lm_percpu_add(odd(dynamic), 1);
	MUST(lm_percpu_sum(odd(dynamic)) == ADDS);
	MUST(asked == 1 + ADDS);
	lm_percpu_free(dynamic);
	return 0;
}
