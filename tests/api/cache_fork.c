/*
 * cache_fork.c - constructors, destructors and a reserve's functions that fork, in a process of several threads, some of
 * which are giving slabs back themselves: the child goes on with what its thread had under way, once, and with nothing
 * of what the others had. It uses the caches, their numbers are right, it shrinks and destroys them, and its heap goes
 * back. Children fork again likewise. First the same in a process of one thread.
 */
#define _GNU_SOURCE
#include "must.h"

#include <libmalloc/cache.h>
#include <libmalloc/pool.h>

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OBJECTS = 640, BYTES = 4096, ALARM_SECONDS = 600, GENERATIONS = 3 };

static void *objects[OBJECTS];
static int generation; /* 0: the process itself; a child has one more */
static int forks_left; /* so many calls of may_fork from now on, each makes a child; in the child, a child of its own */

/* Here a child goes on as its parent does; the parent waits for it. */
static void may_fork(void)
{
	if (forks_left == 0)
		return;
	forks_left--;
	pid_t child = fork();
	MUST(child >= 0);
	if (child == 0) {
		alarm(ALARM_SECONDS);
		generation++;
		return;
	}
	int status;
	MUST(waitpid(child, &status, 0) == child);
	MUST(status == 0);
}

/* A child ends here with what it found; the process itself goes on to the next test. */
static void child_ends(void)
{
	if (generation > 0)
		exit(0);
	MUST(forks_left == 0);
}

static struct lm_cache_info info_of(struct lm_cache *cache)
{
	struct lm_cache_info info;
	lm_cache_info(cache, &info);
	return info;
}

/* Each slab is counted once: the count is 0 when all are given back, and right when new ones come. */
static void use_and_destroy(struct lm_cache *cache, size_t slabs_now)
{
	MUST(info_of(cache).slabs == slabs_now);
	MUST(lm_cache_alloc_bulk(cache, OBJECTS, objects) == OBJECTS);
	struct lm_cache_info info = info_of(cache);
	MUST(info.live_objects == OBJECTS && info.slabs >= OBJECTS / info.slab_objects);
	MUST(info.slabs <= OBJECTS / info.slab_objects + slabs_now + 1);
	lm_cache_free_bulk(cache, OBJECTS, objects);
	lm_cache_shrink(cache);
	MUST(info_of(cache).slabs == 0 && info_of(cache).live_objects == 0);
	MUST(lm_cache_destroy(cache) == 0);
}

static void fork_here(void *object)
{
	(void)object;
	may_fork();
}

static struct lm_cache *filled(const char *name, void (*dtor)(void *object))
{
	struct lm_cache *cache = lm_cache_create(name, BYTES, 0, LM_CACHE_NO_MERGE, NULL, dtor);
	MUST(cache != NULL && lm_cache_alloc_bulk(cache, OBJECTS, objects) == OBJECTS);
	lm_cache_free_bulk(cache, OBJECTS, objects);
	return cache;
}

/* With several slabs: the child must destruct the rest of the first one and all of the others. */
static void in_a_destructor(void)
{
	struct lm_cache *cache = filled("forking", fork_here);
	struct mallinfo2 before = mallinfo2();
	forks_left = GENERATIONS;
	lm_cache_shrink(cache);
	struct mallinfo2 after = mallinfo2();
	MUST(after.uordblks <= before.uordblks && after.fordblks <= after.arena && after.arena <= before.arena);
	MUST(after.uordblks + after.fordblks == after.arena);
	use_and_destroy(cache, 0);
	child_ends();
}

static void in_the_destructor_of_destroy(void)
{
	struct lm_cache *cache = filled("destroyed", fork_here);
	forks_left = GENERATIONS;
	MUST(lm_cache_destroy(cache) == 0);
	struct lm_cache *next = filled("next", NULL);
	use_and_destroy(next, info_of(next).slabs);
	child_ends();
}

static struct lm_cache *inner;

/* Gives the slabs of another cache back, whose destructor forks. */
static void shrink_inner(void *object)
{
	(void)object;
	if (forks_left > 0)
		lm_cache_shrink(inner);
}

static void in_a_destructor_inside_of_another(void)
{
	struct lm_cache *outer = filled("outer", shrink_inner);
	inner = filled("inner", fork_here);
	forks_left = GENERATIONS;
	lm_cache_shrink(outer);
	use_and_destroy(inner, 0);
	use_and_destroy(outer, 0);
	child_ends();
}

/* Two destructors of one cache, one inside of the other: two slabs are on their way, and both are this thread's. */
static void shrink_itself(void *object)
{
	static int depth;
	(void)object;
	depth++;
	if (depth == 1 && forks_left > 0)
		lm_cache_shrink(inner);
	else
		may_fork();
	depth--;
}

static void in_a_destructor_inside_of_itself(void)
{
	inner = filled("itself", shrink_itself);
	forks_left = GENERATIONS;
	lm_cache_shrink(inner);
	use_and_destroy(inner, 0);
	child_ends();
}

/* A thread that has no cache of its own: with M_PERTURB none has. */
static void without_a_thread_cache(void)
{
	mallopt(M_PERTURB, 0x55);
	in_a_destructor();
	in_a_destructor_inside_of_another();
	mallopt(M_PERTURB, 0);
}

static void in_a_constructor(void)
{
	struct lm_cache *cache = lm_cache_create("constructing", BYTES, 0, 0, fork_here, NULL);
	forks_left = GENERATIONS;
	void *object = lm_cache_alloc(cache);
	MUST(object != NULL && info_of(cache).slabs == 1 && info_of(cache).live_objects == 1);
	lm_cache_free(cache, object);
	use_and_destroy(cache, 1);
	child_ends();
}

/* --- while other threads are giving slabs back --- */

enum { OTHERS = 3 };
static _Thread_local bool is_other;
static atomic_int stopped;
static atomic_bool may_go_on;

static void stop_or_fork(void *object)
{
	(void)object;
	if (!is_other) {
		may_fork();
		return;
	}
	stopped++;
	while (!may_go_on)
		usleep(1000);
}

static void *shrink_as_other(void *cache)
{
	is_other = true;
	lm_cache_shrink(cache);
	return NULL;
}

static void wait_for_stopped(int count)
{
	while (stopped < count)
		usleep(1000);
}

static void among_others(void)
{
	pthread_t threads[OTHERS * 2];
	struct lm_cache *own = filled("own", stop_or_fork);
	struct lm_cache *theirs = filled("theirs", stop_or_fork);
	for (int i = 0; i < OTHERS * 2; i++) {
		pthread_create(&threads[i], NULL, shrink_as_other, i % 2 == 0 ? own : theirs);
		wait_for_stopped(i + 1);
	}
	size_t slabs = info_of(theirs).slabs;
	forks_left = 1;
	lm_cache_shrink(own);
	if (generation > 0) {
		use_and_destroy(own, 0);
		use_and_destroy(theirs, slabs - OTHERS);
	}
	child_ends();
	MUST(info_of(own).slabs == OTHERS && info_of(theirs).slabs == slabs);
	may_go_on = true;
	for (int i = 0; i < OTHERS * 2; i++)
		pthread_join(threads[i], NULL);
	use_and_destroy(own, 0);
	lm_cache_shrink(theirs);
	use_and_destroy(theirs, 0);
}

/* --- while memory is short --- */

enum { BLOCKS = 20000, BLOCK_BYTES = 60000, LIMIT_BYTES = 100 << 20, RUN_BYTES = 8 << 20 };
static void *blocks[BLOCKS];

static size_t take_all(size_t count, size_t bytes)
{
	while (count < BLOCKS && (blocks[count] = malloc(bytes)) != NULL)
		memset(blocks[count++], 1, bytes);
	return count;
}

/* All is freed. The run of pages for which the break had to go up is freed, and the break goes down. */
static void break_goes_down(size_t count)
{
	while (count > 0)
		free(blocks[--count]);
	malloc_trim(0);
	for (char *before = sbrk(0); sbrk(0) == before; count++)
		MUST(count < BLOCKS && (blocks[count] = malloc(RUN_BYTES)) != NULL);
	char *top = sbrk(0);
	free(blocks[--count]);
	MUST((char *)sbrk(0) <= top - RUN_BYTES / 2);
	while (count > 0)
		free(blocks[--count]);
}

static void set_limit(size_t bytes)
{
	struct rlimit limit;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = bytes;
	MUST(setrlimit(RLIMIT_AS, &limit) == 0);
}

static void fill_to_the_limit(size_t *count)
{
	set_limit(LIMIT_BYTES);
	*count = take_all(0, BLOCK_BYTES);
	MUST(*count > 500);
	for (size_t bytes = BLOCK_BYTES / 2; bytes >= 16; bytes /= 2)
		*count = take_all(*count, bytes);
}

/* The slab is made of memory that this thread's magazines held: the constructor runs during the shortage. */
static void in_a_constructor_in_a_shortage(void)
{
	size_t count;
	struct lm_cache *cache = lm_cache_create("short", 256, 0, LM_CACHE_NO_MERGE, fork_here, NULL);
	fill_to_the_limit(&count);
	free(blocks[0]);
	blocks[0] = NULL;
	forks_left = GENERATIONS;
	void *object = lm_cache_alloc(cache);
	MUST(object != NULL);
	set_limit(RLIM_INFINITY);
	break_goes_down(count);
	lm_cache_free(cache, object);
	use_and_destroy(cache, 1);
	child_ends();
}

/* The destructors are called for the sake of a malloc that finds no memory. */
static void in_a_destructor_in_a_shortage(void)
{
	size_t count;
	struct lm_cache *cache = filled("short", fork_here);
	forks_left = GENERATIONS;
	fill_to_the_limit(&count);
	set_limit(RLIM_INFINITY);
	break_goes_down(count);
	use_and_destroy(cache, 0);
	child_ends();
}

/* --- in a reserve --- */

static void *alloc_forking(unsigned flags, void *cache)
{
	may_fork();
	return lm_cache_alloc_flags(cache, flags);
}

static void free_forking(void *object, void *cache)
{
	may_fork();
	lm_cache_free(cache, object);
}

static void in_a_reserve(void)
{
	struct lm_cache *cache = lm_cache_create("held", 64, 0, LM_CACHE_NO_MERGE, NULL, fork_here);
	forks_left = 1;
	struct lm_reserve *reserve = lm_reserve_create(4, alloc_forking, free_forking, cache);
	MUST(reserve != NULL && lm_reserve_level(reserve) == 4);
	forks_left = 1;
	void *object = lm_reserve_alloc(reserve, 0);
	forks_left = 1;
	lm_reserve_free(reserve, object);
	forks_left = 1;
	MUST(lm_reserve_resize(reserve, 6) == 0 && lm_reserve_level(reserve) == 6);
	MUST(info_of(cache).live_objects == 6);
	lm_reserve_destroy(reserve);
	use_and_destroy(cache, info_of(cache).slabs);
	child_ends();
}

static void *idle(void *unused)
{
	pause();
	return unused;
}

int main(void)
{
	pthread_t thread;
	mallopt(M_TRIM_THRESHOLD, 128 << 10);
	mallopt(M_MMAP_THRESHOLD, 2 * RUN_BYTES);
	in_a_destructor();
	in_a_constructor_in_a_shortage();
	MUST(pthread_create(&thread, NULL, idle, NULL) == 0);
	in_a_destructor();
	in_the_destructor_of_destroy();
	in_a_destructor_inside_of_another();
	in_a_destructor_inside_of_itself();
	in_a_constructor();
	among_others();
	in_a_reserve();
	in_a_constructor_in_a_shortage();
	in_a_destructor_in_a_shortage();
	without_a_thread_cache();
	return 0;
}
