/*
 * reserve.c - ext/reserve.c: the reserve against a model, over an allocator that fails when it is told to; waiting.
 */
#define _GNU_SOURCE
#include "ext/reserve.h"
#include "unit.h"

#include <libmalloc/pool.h>
#include "libc/fork.h"
#include "libmalloc/flags.h"
#include "page/meta.h"
#include "scarce.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { OBJECTS = 4000, THREADS = 4 };

/* The allocator under the reserve: numbered objects; it hands out at most `budget` of them at a time. */
struct object {
	_Atomic int state; /* 0: free, 1: handed out by the allocator, 2: and used by somebody */
};
static struct object objects[OBJECTS];
static _Atomic size_t budget, handed_out, asked;
static _Atomic unsigned last_flags;
static int the_context;

static void *get_object(unsigned flags, void *context)
{
	check(context == &the_context);
	asked++;
	last_flags = flags;
	size_t now = handed_out;
	do {
		if (now >= budget) {
			errno = ENOMEM;
			return NULL;
		}
	} while (!atomic_compare_exchange_weak(&handed_out, &now, now + 1));
	for (size_t i = now;; i = (i + 1) % OBJECTS) {
		int expected = 0;
		if (atomic_compare_exchange_strong(&objects[i].state, &expected, 1))
			return &objects[i];
	}
}

static void put_object(void *object, void *context)
{
	int expected = 1;
	check(context == &the_context);
	check(atomic_compare_exchange_strong(&((struct object *)object)->state, &expected, 0));
	handed_out--;
}

/* Nobody else has it. */
static void *use(void *object)
{
	int expected = 1;
	if (object != NULL)
		check(atomic_compare_exchange_strong(&((struct object *)object)->state, &expected, 2));
	return object;
}

static void *unuse(void *object)
{
	int expected = 2;
	check(atomic_compare_exchange_strong(&((struct object *)object)->state, &expected, 1));
	return object;
}

static struct lm_reserve *create(size_t minimum)
{
	return lm_reserve_create(minimum, get_object, put_object, &the_context);
}

/* The model: objects in use and in the reserve are those handed out. The reserve is full, or the allocator failed. */
static void random_steps_agree_with_a_model(void **state)
{
	(void)state;
	static void *used[OBJECTS];
	struct random random = random_start(31);
	for (size_t round = 0; round < unit_rounds(40); round++) {
		size_t minimum = 1 + random_below(&random, 50), level = minimum, nused = 0;
		budget = OBJECTS;
		struct lm_reserve *reserve = create(minimum);
		for (size_t i = 0; i < 3000; i++) {
			size_t what = random_below(&random, 100);
			if (what < 45) {
				bool has = handed_out < budget;
				void *object = use(lm_reserve_alloc(reserve, LM_NOWARN));
				assert_int_equal(object != NULL, has || level > 0);
				assert_true(object != NULL || errno == ENOMEM);
				level -= !has && level > 0;
				if (object != NULL)
					used[nused++] = object;
			} else if (what < 85 && nused > 0) {
				size_t at = random_below(&random, nused);
				lm_reserve_free(reserve, unuse(used[at]));
				used[at] = used[--nused];
				level += level < minimum;
			} else if (what < 90) {
				budget = random_below(&random, 3) == 0 ? OBJECTS : random_below(&random, 150);
			} else if (what < 93) {
				size_t to = 1 + random_below(&random, 50);
				bool can = to <= minimum || handed_out + (to - minimum) <= budget;
				assert_int_equal(lm_reserve_resize(reserve, to), can ? 0 : -1);
				if (can) {
					level = to > minimum ? level + (to - minimum) : level < to ? level : to;
					minimum = to;
				}
			}
			assert_int_equal(lm_reserve_level(reserve), level);
			assert_int_equal(handed_out, nused + level);
		}
		while (nused > 0)
			lm_reserve_free(reserve, unuse(used[--nused]));
		lm_reserve_destroy(reserve);
		assert_int_equal(handed_out, 0);
	}
	lm_reserve_destroy(NULL);
}

/* The minimum is there however often it is needed; an allocator that fails is asked each time first. */
static void the_minimum_never_fails(void **state)
{
	(void)state;
	void *used[100];
	budget = 100;
	struct lm_reserve *reserve = create(100);
	budget = 0;
	for (int round = 0; round < 100; round++) {
		size_t before = asked;
		for (size_t i = 0; i < 100; i++)
			assert_non_null(used[i] = use(lm_reserve_alloc(reserve, 0)));
		assert_int_equal(asked, before + 100);
		errno = 0;
		assert_null(lm_reserve_alloc(reserve, LM_NOWARN));
		assert_int_equal(errno, ENOMEM);
		errno = 0;
		assert_null(lm_reserve_alloc(reserve, LM_NOSYSCALL));
		assert_int_equal(errno, EAGAIN);
		for (size_t i = 0; i < 100; i++)
			lm_reserve_free(reserve, unuse(used[i]));
	}
	lm_reserve_destroy(reserve);
	assert_int_equal(handed_out, 0);
}

static void flags_are_handed_on(void **state)
{
	(void)state;
	budget = OBJECTS;
	struct lm_reserve *reserve = create(1);
	assert_int_equal(last_flags, LM_NOWARN);
	lm_reserve_free(reserve, lm_reserve_alloc(reserve, LM_ZERO | LM_COLD));
	assert_int_equal(last_flags, LM_ZERO | LM_COLD | LM_NOWARN);
	lm_reserve_free(reserve, lm_reserve_alloc(reserve, LM_NOFAIL));
	assert_int_equal(last_flags, LM_NOWARN);
	lm_reserve_free(reserve, NULL);
	lm_reserve_destroy(reserve);
}

static void misuse_create(void *which)
{
	errno = 0;
	if (*(int *)which == 0)
		check(lm_reserve_create(0, get_object, put_object, NULL) == NULL);
	else if (*(int *)which == 1)
		check(lm_reserve_create(1, NULL, put_object, NULL) == NULL);
	else if (*(int *)which == 2)
		check(lm_reserve_create(1, get_object, NULL, NULL) == NULL);
	budget = OBJECTS;
	if (*(int *)which == 3)
		check(lm_reserve_resize(create(1), 0) == -1);
	if (*(int *)which == 4)
		check(lm_reserve_alloc(create(1), LM_NOFAIL | LM_NORETRY) == NULL);
	if (*(int *)which == 5)
		check(lm_reserve_alloc(create(1), 0x8000) == NULL);
	check(errno == EINVAL);
}

static void wrong_arguments_are_refused(void **state)
{
	(void)state;
	static const char *lines[] = {
		"bad argument: minimum must be 1 or more (lm_reserve_create)",
		"bad argument: alloc_object and free_object must not be NULL (lm_reserve_create)",
		"bad argument: alloc_object and free_object must not be NULL (lm_reserve_create)",
		"bad argument: minimum must be 1 or more (lm_reserve_resize)",
		"bad flags: LM_NORETRY excludes LM_NOFAIL (lm_reserve_alloc)",
		"bad flags: 0x8000 is not a flag (lm_reserve_alloc)",
	};
	for (int i = 0; i < 6; i++) {
		char text[200], line[200];
		snprintf(line, sizeof(line), "libmalloc: %s\n", lines[i]);
		assert_int_equal(unit_capture(misuse_create, &i, text, sizeof(text)), 0);
		assert_string_equal(text, line);
	}
}

static void run_dry(void *unused)
{
	(void)unused;
	budget = 1;
	struct lm_reserve *reserve = create(1);
	check(lm_reserve_alloc(reserve, 0) != NULL);
	check(lm_reserve_alloc(reserve, LM_NOWARN) == NULL);
	check(lm_reserve_alloc(reserve, LM_NOSYSCALL) == NULL);
	check(lm_reserve_alloc(reserve, 0) == NULL && errno == ENOMEM);
}

static void failing_says_so_unless_told_not_to(void **state)
{
	(void)state;
	char text[200];
	assert_int_equal(unit_capture(run_dry, NULL, text, sizeof(text)), 0);
	assert_string_equal(text, "libmalloc: out of memory: 1 object (lm_reserve_alloc)\n");
}

static void free_twice(void *object)
{
	budget = 0;
	struct lm_reserve *reserve = *(struct lm_reserve **)object;
	lm_reserve_alloc(reserve, 0);
	void *taken = lm_reserve_alloc(reserve, 0);
	*(void **)object = taken;
	lm_reserve_free(reserve, taken);
	lm_reserve_free(reserve, taken);
}

static void a_repeated_free_is_reported(void **state)
{
	(void)state;
	char text[200], line[200];
	budget = 2;
	struct lm_reserve *reserve = create(2);
	/* The reserve is a stack: the second object that is taken is the one that came first. */
	snprintf(line, sizeof(line), "libmalloc: double free: %p (lm_reserve_free)\n", (void *)&objects[0]);
	int status = unit_capture(free_twice, &reserve, text, sizeof(text));
	assert_true(WIFSIGNALED(status));
	assert_string_equal(text, line);
}

/* Each number of objects that the allocator yields before it fails, at creation and growth. */
static void an_allocator_that_fails_at_any_step_loses_nothing(void **state)
{
	(void)state;
	for (budget = 0; budget < 30; budget++) {
		errno = 0;
		assert_null(create(30));
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(handed_out, 0);
	}
	struct lm_reserve *reserve = create(30);
	assert_non_null(reserve);
	for (; budget < 60; budget++) {
		errno = 0;
		assert_int_equal(lm_reserve_resize(reserve, 60), -1);
		assert_int_equal(errno, ENOMEM);
		assert_int_equal(lm_reserve_level(reserve), 30);
		assert_int_equal(handed_out, 30);
	}
	assert_int_equal(lm_reserve_resize(reserve, 60), 0);
	assert_int_equal(lm_reserve_level(reserve), 60);
	lm_reserve_destroy(reserve);
	assert_int_equal(handed_out, 0);
}

static bool create_long(void)
{
	budget = OBJECTS;
	struct lm_reserve *reserve = create(2000);
	if (reserve == NULL)
		return false;
	bool grown = lm_reserve_resize(reserve, 3500) == 0;
	check(lm_reserve_level(reserve) == (grown ? 3500 : 2000));
	int error = errno;
	lm_reserve_destroy(reserve);
	errno = error;
	return grown;
}

static bool nothing_is_handed_out(void) { return handed_out == 0; }

static void no_memory_at_any_step_loses_nothing(void **state)
{
	(void)state;
	use_up_meta();
	assert_true(fail_at_each_step(create_long, nothing_is_handed_out) > 3);
}

static struct lm_reserve *shared;

/*
 * The reserve's sleeps that end by themselves are caught: a filter traps futex(2) where it has a timeout, and the
 * handler makes the call in its place. It counts them, and may leave out the timeout: then who is not woken sleeps for
 * ever, and the test with him. So no test looks at a clock.
 */
enum sleeps { SLEEPS_END, SLEEPS_FOR_EVER };
enum { FROM_HANDLER = 77 };

static enum sleeps sleeps_how;
static _Atomic size_t nsleeps;
static _Atomic bool slept_shortly; /* for less than a millisecond */

static void on_sleep(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
	const struct timespec *most = (const struct timespec *)registers[REG_R10];
	int saved = errno;
	nsleeps++;
	slept_shortly |= most->tv_sec == 0 && most->tv_nsec < 1000000;
	long result = syscall(SYS_futex, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
			      sleeps_how == SLEEPS_END ? most : NULL, NULL, FROM_HANDLER);
	registers[REG_RAX] = result == -1 ? -errno : result;
	errno = saved;
}

#define ARGUMENT(n) offsetof(struct seccomp_data, args[n])

static void catch_sleeps(enum sleeps how)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(1)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FUTEX_WAIT_PRIVATE, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(5)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FROM_HANDLER, 3, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(3)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
	struct sigaction action = {.sa_sigaction = on_sleep, .sa_flags = SA_SIGINFO};
	sleeps_how = how;
	check(sigaction(SIGSYS, &action, NULL) == 0);
	check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* Until somebody sleeps, or is just about to. */
static void wait_for_sleep(size_t before)
{
	while (nsleeps == before)
		usleep(1000);
	usleep(1000);
}

/* More threads than objects: each waits, works a little, and gives back. */
static void wait_and_work(unsigned index)
{
	struct random random = random_start(40 + index);
	for (size_t i = 0; i < unit_rounds(2000); i++) {
		void *object = use(lm_reserve_alloc(shared, LM_NOFAIL));
		check(object != NULL);
		if (random_one_in(&random, 4))
			usleep(20);
		lm_reserve_free(shared, unuse(object));
	}
}

static void threads_share_one_object(void **state)
{
	(void)state;
	budget = 1;
	shared = create(1);
	budget = 0;
	unit_threads(THREADS, wait_and_work);
	assert_int_equal(lm_reserve_level(shared), 1);
	lm_reserve_destroy(shared);
	assert_int_equal(handed_out, 0);
}

static void take_and_give(unsigned index)
{
	struct random random = random_start(50 + index);
	void *used[20];
	size_t nused = 0;
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		if (index < 2 && i % 100 == 0) {
			budget = random_below(&random, 100);
			lm_reserve_resize(shared, 1 + random_below(&random, 60));
		} else if (nused < 20 && random_one_in(&random, 2)) {
			used[nused] = use(lm_reserve_alloc(shared, LM_NOWARN));
			nused += used[nused] != NULL;
		} else if (nused > 0) {
			lm_reserve_free(shared, unuse(used[--nused]));
		}
	}
	while (nused > 0)
		lm_reserve_free(shared, unuse(used[--nused]));
}

static void threads_never_share_an_object(void **state)
{
	(void)state;
	budget = 50;
	shared = create(30);
	unit_threads(THREADS, take_and_give);
	assert_int_equal(handed_out, lm_reserve_level(shared));
	lm_reserve_destroy(shared);
	assert_int_equal(handed_out, 0);
}

static void *_Atomic passed;
static _Atomic size_t round_now;

/*
 * One thread asks for the only object while the other gives it back, a little earlier or later each time. Where a
 * wake-up is lost it sleeps for ever, since nobody gives anything back meanwhile.
 */
static void give_or_get(unsigned index)
{
	struct random random = random_start(90 + index);
	for (size_t i = 1; i <= unit_rounds(10000); i++) {
		if (index == 0) {
			passed = use(lm_reserve_alloc(shared, 0));
			round_now = i;
		}
		unit_meet(&round_now, i);
		/* To go to sleep takes some microseconds: the free comes before, in the midst of it, and after. */
		for (volatile size_t wait = random_below(&random, 1 + random_below(&random, 20000)); wait > 0; wait--)
			continue;
		if (index == 0) {
			lm_reserve_free(shared, unuse(passed));
			passed = NULL;
		} else {
			lm_reserve_free(shared, unuse(use(lm_reserve_alloc(shared, LM_NOFAIL))));
			round_now = 0;
		}
		if (index == 0)
			unit_meet(&round_now, 0);
	}
}

static void threads_lose_no_wake_up(void **state)
{
	(void)state;
	budget = 1;
	shared = create(1);
	budget = 0;
	catch_sleeps(SLEEPS_FOR_EVER);
	unit_threads(2, give_or_get);
	lm_reserve_destroy(shared);
	assert_int_equal(handed_out, 0);
}

static _Atomic bool went_on;

static void *wait_once(void *unused)
{
	void *object = use(lm_reserve_alloc(shared, LM_NOFAIL));
	went_on = true;
	lm_reserve_free(shared, unuse(object));
	return unused;
}

/* A sleeping thread is woken by a free. Nothing else wakes it here. */
static void threads_that_wait_are_woken(void **state)
{
	(void)state;
	pthread_t thread;
	budget = 1;
	shared = create(1);
	budget = 0;
	catch_sleeps(SLEEPS_FOR_EVER);
	for (int i = 0; i < 30; i++) {
		void *object = use(lm_reserve_alloc(shared, 0));
		size_t before = nsleeps;
		went_on = false;
		assert_int_equal(pthread_create(&thread, NULL, wait_once, NULL), 0);
		wait_for_sleep(before);
		assert_false(went_on);
		lm_reserve_free(shared, unuse(object));
		assert_int_equal(pthread_join(thread, NULL), 0);
	}
	lm_reserve_destroy(shared);
}

/* While it waits it asks the allocator again and again, but sleeps each time before. */
static void threads_wait_asleep_until_a_free(void **state)
{
	(void)state;
	pthread_t thread;
	budget = 1;
	shared = create(1);
	budget = 0;
	catch_sleeps(SLEEPS_END);
	void *object = use(lm_reserve_alloc(shared, 0));
	size_t before = asked;
	assert_int_equal(pthread_create(&thread, NULL, wait_once, NULL), 0);
	while (asked < before + 5)
		usleep(1000);
	assert_false(went_on);
	size_t asked_now = asked - before;
	assert_true(asked_now <= nsleeps + 1);
	assert_false(slept_shortly);
	lm_reserve_free(shared, unuse(object));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(went_on);
	lm_reserve_destroy(shared);
}

/* What comes free in the allocator itself is found too, and what a resize brings wakes. */
static void threads_that_wait_find_what_the_allocator_has(void **state)
{
	(void)state;
	pthread_t thread;
	for (int way = 0; way < 2; way++) {
		went_on = false;
		budget = 1;
		shared = create(1);
		budget = 0;
		void *object = use(lm_reserve_alloc(shared, 0));
		assert_int_equal(pthread_create(&thread, NULL, wait_once, NULL), 0);
		usleep(20000);
		budget = 2;
		if (way == 1)
			assert_true(lm_reserve_resize(shared, 2) == 0 || handed_out == 2);
		assert_int_equal(pthread_join(thread, NULL), 0);
		lm_reserve_free(shared, unuse(object));
		lm_reserve_destroy(shared);
		assert_int_equal(handed_out, 0);
	}
}

static _Atomic bool over;

static void *keep_locking(void *unused)
{
	while (!over)
		lm_reserve_free(shared, unuse(use(lm_reserve_alloc(shared, 0))));
	return unused;
}

/* The child of fork finds no reserve's lock held, whatever the other threads were doing. */
static void fork_is_safe_at_any_moment(void **state)
{
	(void)state;
	pthread_t threads[2];
	int status;
	fork_register();
	budget = 3;
	shared = create(3);
	budget = 0;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, keep_locking, NULL), 0);
	for (size_t i = 0; i < unit_rounds(200); i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			alarm(120);
			void *object = lm_reserve_alloc(shared, 0);
			lm_reserve_free(shared, object);
			_exit(object == NULL);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
	over = true;
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void *wait_for_ever(void *unused)
{
	lm_reserve_alloc(shared, LM_NOFAIL);
	return unused;
}

static void destroy_while_one_waits(void *unused)
{
	(void)unused;
	pthread_t thread;
	size_t before = asked;
	check(pthread_create(&thread, NULL, wait_for_ever, NULL) == 0);
	while (asked == before)
		usleep(100);
	usleep(10000);
	lm_reserve_destroy(shared);
	pthread_join(thread, NULL);
}

static void who_waits_for_an_ended_reserve_is_reported(void **state)
{
	(void)state;
	char line[100];
	budget = 1;
	shared = create(1);
	budget = 0;
	use(lm_reserve_alloc(shared, 0));
	snprintf(line, sizeof(line), "libmalloc: reserve already destroyed: %p (lm_reserve_alloc)", (void *)shared);
	unit_expect_abort(destroy_while_one_waits, NULL, line);
}

UNIT_MAIN(UNIT(random_steps_agree_with_a_model), UNIT(the_minimum_never_fails), UNIT(flags_are_handed_on),
	  UNIT(wrong_arguments_are_refused), UNIT(failing_says_so_unless_told_not_to), UNIT(a_repeated_free_is_reported),
	  UNIT(an_allocator_that_fails_at_any_step_loses_nothing), UNIT(no_memory_at_any_step_loses_nothing),
	  UNIT(threads_share_one_object), UNIT(threads_lose_no_wake_up), UNIT(threads_that_wait_are_woken), UNIT(threads_never_share_an_object), UNIT(threads_wait_asleep_until_a_free),
	  UNIT(threads_that_wait_find_what_the_allocator_has), UNIT(fork_is_safe_at_any_moment),
	  UNIT(who_waits_for_an_ended_reserve_is_reported))
