/*
 * stale_handles.c - each function that takes a cache, pool, region or reserve reports one that has ended: by one line that
 * names the kind, the handle and the function. Whatever was created and destroyed meanwhile, and in whichever thread; and
 * what is not ended goes on.
 */
#define _GNU_SOURCE
#include "must.h"

#include <libmalloc.h>

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RESTING = 4096, /* an ended handle is found until so many others of its kind have ended: the manual pages */
	SIZE = 64,
};

struct handles {
	struct lm_cache *cache;
	struct lm_pool *pool;
	struct lm_region *region;
	struct lm_reserve *reserve;
};

static struct handles old;
static void *object, *chunk, *held;
static struct lm_region_mark mark;

static void *get(unsigned flags, void *context)
{
	(void)flags;
	(void)context;
	return malloc(SIZE);
}

static void put(void *given, void *context)
{
	(void)context;
	free(given);
}

static struct handles create(void)
{
	struct handles made = {
		.cache = lm_cache_create("widget", SIZE, 0, LM_CACHE_NO_MERGE, NULL, NULL),
		.pool = lm_pool_create(SIZE, 10, 0),
		.region = lm_region_create(0),
		.reserve = lm_reserve_create(1, get, put, NULL),
	};
	MUST(made.cache != NULL && made.pool != NULL && made.region != NULL && made.reserve != NULL);
	return made;
}

static void destroy(struct handles *handles)
{
	MUST(lm_cache_destroy(handles->cache) == 0);
	lm_pool_destroy(handles->pool);
	lm_region_destroy(handles->region);
	lm_reserve_destroy(handles->reserve);
}

/* Handles that were used a little: on the fast paths too. */
static struct handles create_and_use(void)
{
	struct handles made = create();
	for (int i = 0; i < 3; i++) {
		object = lm_cache_alloc(made.cache);
		lm_cache_free(made.cache, object);
		chunk = lm_pool_alloc(made.pool);
		lm_pool_free(made.pool, chunk);
		MUST(lm_region_alloc(made.region, SIZE) != NULL);
		held = lm_reserve_alloc(made.reserve, 0);
		lm_reserve_free(made.reserve, held);
	}
	mark = lm_region_mark(made.region);
	return made;
}

/* --- the calls --- */

static void *objects[2];
static struct lm_cache_info info;

#define CALLS(call)                                                                                                    \
	call(cache, lm_cache_alloc, lm_cache_alloc(old.cache))                                                         \
	call(cache, lm_cache_alloc_flags, lm_cache_alloc_flags(old.cache, 0))                                          \
	call(cache, lm_cache_alloc_flags, lm_cache_alloc_flags(old.cache, LM_ZERO))                                    \
	call(cache, lm_cache_alloc_flags, lm_cache_alloc_flags(old.cache, LM_NOSYSCALL))                               \
	call(cache, lm_cache_alloc_bulk, lm_cache_alloc_bulk(old.cache, 2, objects))                                   \
	call(cache, lm_cache_alloc_bulk, lm_cache_alloc_bulk(old.cache, 0, objects))                                   \
	call(cache, lm_cache_free, lm_cache_free(old.cache, object))                                                   \
	call(cache, lm_cache_free, lm_cache_free(old.cache, NULL))                                                     \
	call(cache, lm_cache_free_bulk, lm_cache_free_bulk(old.cache, 1, &object))                                     \
	call(cache, lm_cache_free_bulk, lm_cache_free_bulk(old.cache, 0, &object))                                     \
	call(cache, lm_cache_shrink, lm_cache_shrink(old.cache))                                                       \
	call(cache, lm_cache_info, lm_cache_info(old.cache, &info))                                                    \
	call(cache, lm_cache_destroy, lm_cache_destroy(old.cache))                                                     \
	call(pool, lm_pool_alloc, lm_pool_alloc(old.pool))                                                             \
	call(pool, lm_pool_free, lm_pool_free(old.pool, chunk))                                                        \
	call(pool, lm_pool_free, lm_pool_free(old.pool, NULL))                                                         \
	call(pool, lm_pool_used, lm_pool_used(old.pool))                                                               \
	call(pool, lm_pool_reset, lm_pool_reset(old.pool))                                                             \
	call(pool, lm_pool_destroy, lm_pool_destroy(old.pool))                                                         \
	call(region, lm_region_alloc, lm_region_alloc(old.region, SIZE))                                               \
	call(region, lm_region_alloc, lm_region_alloc(old.region, 0))                                                  \
	call(region, lm_region_alloc, lm_region_alloc(old.region, (size_t)-1))                                         \
	call(region, lm_region_aligned, lm_region_aligned(old.region, 64, SIZE))                                       \
	call(region, lm_region_strdup, lm_region_strdup(old.region, "text"))                                           \
	call(region, lm_region_mark, lm_region_mark(old.region))                                                       \
	call(region, lm_region_release, lm_region_release(old.region, mark))                                           \
	call(region, lm_region_reset, lm_region_reset(old.region))                                                     \
	call(region, lm_region_used, lm_region_used(old.region))                                                       \
	call(region, lm_region_destroy, lm_region_destroy(old.region))                                                 \
	call(reserve, lm_reserve_alloc, lm_reserve_alloc(old.reserve, 0))                                              \
	call(reserve, lm_reserve_alloc, lm_reserve_alloc(old.reserve, LM_NOSYSCALL))                                   \
	call(reserve, lm_reserve_alloc, lm_reserve_alloc(old.reserve, LM_NOFAIL))                                      \
	call(reserve, lm_reserve_free, lm_reserve_free(old.reserve, held))                                             \
	call(reserve, lm_reserve_free, lm_reserve_free(old.reserve, NULL))                                             \
	call(reserve, lm_reserve_resize, lm_reserve_resize(old.reserve, 2))                                            \
	call(reserve, lm_reserve_level, lm_reserve_level(old.reserve))                                                 \
	call(reserve, lm_reserve_destroy, lm_reserve_destroy(old.reserve))

struct call {
	const char *kind;
	const char *function;
	const char *text;
	const void *handle;
	int number;
};

#define ENTRY(kind, function, call) {#kind, #function, #call, old.kind, __COUNTER__ - FIRST},
#define MAKE(kind, function, call) case __COUNTER__ - FIRST_CASE: (void)call; break;

static void make(int number)
{
	enum { FIRST_CASE = __COUNTER__ + 1 };
	switch (number) { CALLS(MAKE) }
}

/* --- each in a child --- */

static void in_child(int number, int write_end)
{
	struct rlimit none = {0, 0};
	setrlimit(RLIMIT_CORE, &none);
	dup2(write_end, STDERR_FILENO);
	make(number);
	_exit(0);
}

static void expect_report(const struct call *call, const char *when)
{
	char line[200], said[400] = "";
	int ends[2], status;
	MUST(pipe(ends) == 0);
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0)
		in_child(call->number, ends[1]);
	close(ends[1]);
	for (size_t got = 0, more = 1; more != 0 && got < sizeof(said) - 1; got += more)
		more = (size_t)read(ends[0], said + got, sizeof(said) - 1 - got);
	close(ends[0]);
	MUST(waitpid(child, &status, 0) == child);
	snprintf(line, sizeof(line), "libmalloc: %s already destroyed: %p (%s)\n", call->kind, call->handle,
		 call->function);
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && strcmp(said, line) == 0)
		return;
	printf("%s %s: wait status %d, wanted %ssaid: %s\n", call->text, when, status, line, said);
	exit(1);
}

static void expect_reports(const char *when)
{
	enum { FIRST = __COUNTER__ + 1 };
	const struct call calls[] = {CALLS(ENTRY)};
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		expect_report(&calls[i], when);
}

/* --- what happens before --- */

static void *destroy_in_thread(void *handles)
{
	destroy(handles);
	return NULL;
}

static void in_thread(void *(*body)(void *), void *argument)
{
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, body, argument) == 0 && pthread_join(thread, NULL) == 0);
}

static void *use_in_thread(void *when)
{
	expect_reports(when);
	return NULL;
}

/* As many handles of each kind are made and ended as is allowed. None of them is the old one. */
static void create_and_destroy_others(void)
{
	for (int i = 0; i < RESTING; i++) {
		struct handles other = create();
		MUST(other.cache != old.cache && other.pool != old.pool && other.region != old.region &&
		     other.reserve != old.reserve);
		destroy(&other);
	}
}

/* A cache with a live object is not destroyed, and goes on; with LM_CACHE_... of each kind. */
static void a_cache_in_use_stays(unsigned flags)
{
	struct lm_cache *cache = lm_cache_create("used", SIZE, 0, flags, NULL, NULL);
	void *live = lm_cache_alloc(cache);
	for (int i = 0; i < 3; i++) {
		MUST(lm_cache_destroy(cache) == 1);
		lm_cache_free(cache, lm_cache_alloc(cache));
		MUST(lm_cache_alloc_bulk(cache, 2, objects) == 2);
		lm_cache_free_bulk(cache, 2, objects);
		lm_cache_shrink(cache);
		lm_cache_info(cache, &info);
		MUST(info.live_objects == 1 && strcmp(info.name, "used") == 0 && lm_cache_of(live) == cache);
	}
	lm_cache_free(cache, live);
	MUST(lm_cache_destroy(cache) == 0);
}

static struct lm_cache *ending;
static pthread_barrier_t met;
static _Atomic int has_stopped;

static void stop_once(void *unused)
{
	(void)unused;
	if (has_stopped++ != 0)
		return;
	pthread_barrier_wait(&met);
	pthread_barrier_wait(&met);
}

static void *destroy_slowly(void *unused)
{
	MUST(lm_cache_destroy(ending) == 0);
	return unused;
}

/* In the child the cache is alive, and no thread destroys it. */
static void a_cache_that_another_thread_was_ending_stays_in_the_child(void)
{
	pthread_t thread;
	int status;
	pthread_barrier_init(&met, NULL, 2);
	ending = lm_cache_create("ending", SIZE, 0, 0, NULL, stop_once);
	lm_cache_free(ending, lm_cache_alloc(ending));
	MUST(pthread_create(&thread, NULL, destroy_slowly, NULL) == 0);
	pthread_barrier_wait(&met);
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0) {
		lm_cache_free(ending, lm_cache_alloc(ending));
		_exit(lm_cache_destroy(ending) != 0);
	}
	MUST(waitpid(child, &status, 0) == child && status == 0);
	pthread_barrier_wait(&met);
	pthread_join(thread, NULL);
}

int main(void)
{
	struct handles others;
	alarm(1000);
	old = create_and_use();
	destroy(&old);
	expect_reports("at once");
	others = create_and_use();
	expect_reports("after others were created");
	in_thread(use_in_thread, "in another thread");
	destroy(&others);

	old = create_and_use();
	in_thread(destroy_in_thread, &old);
	expect_reports("after another thread destroyed it");
	others = create_and_use();
	create_and_destroy_others();
	expect_reports("after as many others came and went");
	destroy(&others);

	a_cache_that_another_thread_was_ending_stays_in_the_child();
	MUST(freopen("/dev/null", "w", stderr) != NULL);
	a_cache_in_use_stays(0);
	a_cache_in_use_stays(LM_CACHE_RED_ZONE);
	a_cache_in_use_stays(LM_CACHE_POISON | LM_CACHE_NO_MERGE);
	return 0;
}
