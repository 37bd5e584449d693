/*
 * cache_life.c - an object cache from its creation to its end, linked to the library: constructed objects, bulk calls,
 * numbers, fork with several threads, objects that outlive the thread which allocated them.
 */
#include <libmalloc/cache.h>

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 5000, THREADS = 3, STATE = 41 };

struct widget {
	int state;
	char name[60];
};

static _Atomic int made, gone;
static struct lm_cache *cache;

static void expect(int right, const char *what)
{
	if (right)
		return;
	printf("%s\n", what);
	exit(1);
}

static void construct(void *object)
{
	((struct widget *)object)->state = STATE;
	made++;
}

static void destruct(void *object)
{
	expect(((struct widget *)object)->state == STATE, "an object was not in its constructed state at its end");
	gone++;
}

static void *work(void *argument)
{
	static _Thread_local struct widget *widgets[MANY];
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < MANY; i++) {
			widgets[i] = lm_cache_alloc(cache);
			expect(widgets[i] != NULL && widgets[i]->state == STATE, "an object came unconstructed");
			memset(widgets[i]->name, round, sizeof(widgets[i]->name));
		}
		for (int i = 0; i < MANY; i++)
			lm_cache_free(cache, widgets[i * 7 % MANY]);
	}
	struct widget **kept = argument;
	*kept = lm_cache_alloc(cache);
	return NULL;
}

static void in_child(void)
{
	static void *objects[MANY];
	expect(lm_cache_alloc_bulk(cache, MANY, objects) == MANY, "the child gets no objects");
	for (int i = 0; i < MANY; i++)
		expect(((struct widget *)objects[i])->state == STATE, "an object of the child came unconstructed");
	lm_cache_free_bulk(cache, MANY, objects);
	lm_cache_shrink(cache);
	struct lm_cache *own = lm_cache_create("own", 100, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	lm_cache_free(own, lm_cache_alloc(own));
	expect(lm_cache_destroy(own) == 0, "the child cannot destroy a cache");
	_exit(0);
}

int main(void)
{
	pthread_t threads[THREADS];
	struct widget *kept[THREADS];
	struct lm_cache_info info;
	int status;

	setvbuf(stdout, NULL, _IONBF, 0);
	cache = lm_cache_create("widget", sizeof(struct widget), 0, LM_CACHE_HWALIGN, construct, destruct);
	expect(cache != NULL, "there is no cache");
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, &kept[i]);
	pid_t child = fork();
	if (child == 0)
		in_child();
	waitpid(child, &status, 0);
	expect(status == 0, "the child of fork failed");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	lm_cache_info(cache, &info);
	expect(strcmp(info.name, "widget") == 0 && info.object_bytes == 64 && info.align_bytes == 64, "wrong shape");
	expect(info.live_objects == THREADS, "wrong count of live objects");
	for (int i = 0; i < THREADS; i++) {
		expect((uintptr_t)kept[i] % 64 == 0, "an object is not at a cache line");
		expect(lm_cache_of(kept[i]) == cache, "an object is of another cache");
		lm_cache_free(cache, kept[i]);
	}
	expect(lm_cache_shrink(cache) > 0, "nothing to shrink");
	expect(lm_cache_destroy(cache) == 0, "objects are live at the end");
	expect(made == gone && made >= MANY, "not every object that was constructed was destructed");
	return 0;
}
