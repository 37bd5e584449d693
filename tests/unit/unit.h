/*
 * unit.h - what the unit tests share: each test of a program runs in a child process of its own.
 *
 * The library's state is static, so a fresh process is a fresh heap: tests do not see each other, one that crashes or
 * hangs (ALARM_SECONDS) fails alone, and what it wrote becomes the message of the failure. cmocka's assertions work in
 * a test's own thread; check() works in every thread.
 *
 * The internals are linked without the libc entry points: malloc is libc's here, and moves the break now and then.
 *
 *   UNIT_FILTER   run only the tests whose name matches this pattern (threads_*)
 *   UNIT_EXCEPT   do not run the tests whose name matches this pattern
 *   UNIT_PERCENT  how many of the random steps are made (100)
 *   UNIT_SEED     another start of the random numbers
 */
#ifndef LM_TESTS_UNIT_UNIT_H
#define LM_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "libc/check.h"
#include "magazine/bins.h"
#include "page/page_alloc.h"

struct unit_test {
	const char *name;
	CMUnitTestFunction function;
};

/* One test of a table, and the table of a program. */
#define UNIT(test) {#test, unit_in_child, NULL, NULL, &(struct unit_test){#test, test}}
#define UNIT_MAIN(...)                                                                                                 \
	static const struct CMUnitTest unit_tests[] = {__VA_ARGS__};                                                   \
	int main(void) { return unit_main(unit_tests, sizeof(unit_tests) / sizeof(unit_tests[0])); }

void unit_in_child(void **state);
int unit_main(const struct CMUnitTest *tests, size_t count);

/* An assertion for every thread: says what failed and ends the test. */
#define check(condition) ((condition) ? (void)0 : unit_fail(#condition, __FILE__, __LINE__))
_Noreturn void unit_fail(const char *condition, const char *file, int line);

/* Runs `body` in a child: its wait status. What it wrote to standard error stands in `text`, ended by '\0'. */
int unit_capture(void (*body)(void *), void *argument, char *text, size_t text_bytes);

/* `body` must abort with exactly one line on standard error, `line` (without its newline). */
void unit_expect_abort(void (*body)(void *), void *argument, const char *line);

/* Random numbers: the same in each run. */
struct random {
	uint64_t state;
};
struct random random_start(uint64_t seed);
uint64_t random_next(struct random *random);
size_t random_below(struct random *random, size_t limit);
static inline bool random_one_in(struct random *random, size_t n) { return random_below(random, n) == 0; }

/* The number of steps to make where a full run makes `rounds`. */
size_t unit_rounds(size_t rounds);

/* Waits awake until `word` is `value`: so that threads go on at the same moment, also where there is one CPU only. */
void unit_meet(_Atomic size_t *word, size_t value);

/* `count` threads, each runs body(index); returns when all have ended. At most 128. */
void unit_threads(unsigned count, void (*body)(unsigned index));

/* Content that depends on the address and a tag, so that a block that is mixed up with another is seen. */
void content_write(void *block, size_t bytes, uint64_t tag);
bool content_is(const void *block, size_t bytes, uint64_t tag);
bool content_is_zero(const void *block, size_t bytes);

/* True if the page at `address` has a frame. */
bool page_is_resident(const void *address);

/* What /proc/self/smaps says of the kernel's area around `address`: kilobytes in a field, a two-letter flag. */
size_t area_kib(const void *address, const char *field);
bool area_has_flag(const void *address, const char *flag);

/* The pages of all mappings of the process: what is lost without a trace shows here. */
size_t address_space_pages(void);

/* From now on the system call fails with this error: a seccomp filter, for the rest of the process. */
void refuse_system_call(long number, int error);

/* The same, but the process ends when it makes the call. */
void forbid_system_call(long number);

/* How many dirty pages the library keeps before the next free purges. */
size_t idle_limit(void);

/*
 * More pages are purged, and all of these bought back, until the purge loosens its limit: how many. The more were purged
 * before, and the fewer bought back, the more it takes: a measure of what was noted.
 */
size_t pages_until_looser(void);

/* From now on the library keeps as many dirty pages as it ever does. */
void keep_dirty_pages(void);

/* What the lists of all caches hold: idle pages over all partly used slabs. */
size_t listed_idle_pages(void);

/*
 * All objects of all classes are free. Slabs that several threads made at once may be left, never used: that none are is
 * tested in cache.c (threads_leave_no_slab_behind).
 */
void check_all_objects_free(void);


#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { UNIT_SANITIZED = 1 };
#else
enum { UNIT_SANITIZED = 0 };
#endif

/* Pages of the heap, or mapped ones. */
static inline bool page_alloc(size_t npages, struct page_run *run)
{
	return page_alloc_from(ZONE_HEAP, npages, PAGES_GROW, run);
}

/* What free does with an object of malloc's. */
static inline bool push_into(struct bin *bin, void *object)
{
	return bin_push(bin, object, (uint32_t)(uintptr_t)object & bin->offset_mask);
}

#endif
