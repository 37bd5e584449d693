// Thousands of short threads: objects that outlive their thread, freed by others, and by key destructors.
//
//   thread-storm SCALE SEED
//
// Each thread makes objects of all sizes, leaves some in a common store, takes others' out and frees them, and ends
// with objects in a key whose destructor frees and allocates once more. In the end nothing is live, and what stays
// resident is bounded.

#include "stress.h"

enum {
	THREADS = 16000,	// in all, at scale 100
	AT_ONCE = 24,
	STORE = 4096,
	OBJECTS_PER_THREAD = 60,
	RESIDENT_MAX_BYTES = 64 << 20,
};

static struct {
	pthread_mutex_t lock;
	struct object object;	// guarded by lock
} store[STORE];

static pthread_key_t key;

static void exchange(struct object *object, size_t at)
{
	struct object taken;

	pthread_mutex_lock(&store[at].lock);
	taken = store[at].object;
	store[at].object = *object;
	pthread_mutex_unlock(&store[at].lock);
	*object = taken;
}

// Runs at the thread's end, up to four rounds: allocation works here as anywhere.
static void destroy(void *value)
{
	struct object *last = value;
	uint64_t rounds = last->id & 3;

	object_check(last);
	free(last->start);
	if (rounds > 0) {
		object_adopt(last, malloc(100 * rounds), 100 * rounds, 16, rounds - 1);
		pthread_setspecific(key, last);
		return;
	}
	free(last);
}

static void *live_shortly(void *arg)
{
	uint64_t number = (uint64_t)(uintptr_t)arg;
	struct random random = random_of(number);
	struct object own[OBJECTS_PER_THREAD] = { 0 };
	struct object *last;

	if (number % 3 == 0) {	// the first call of this thread is free
		exchange(&own[0], random_below(&random, STORE));
		object_drop(&own[0]);
	}
	for (int i = 0; i < OBJECTS_PER_THREAD; i++) {
		object_make(&own[i], &random, number << 20 | (uint64_t)i);
		if (i % 3 == 0)
			exchange(&own[i], random_below(&random, STORE));
	}
	for (int i = 0; i < OBJECTS_PER_THREAD; i++)
		object_drop(&own[i]);
	last = malloc(sizeof *last);
	object_adopt(last, malloc(300), 300, 16, number << 2 | 3);
	pthread_setspecific(key, last);
	return NULL;
}

int main(int argc, char **argv)
{
	long scale = stress_start("thread-storm", argc, argv);
	size_t resident_before = resident_bytes(), resident;
	pthread_t threads[AT_ONCE];
	uintptr_t total = (uintptr_t)(THREADS * scale / 100) + AT_ONCE;

	for (int i = 0; i < STORE; i++)
		pthread_mutex_init(&store[i].lock, NULL);
	pthread_key_create(&key, destroy);
	for (uintptr_t number = 0; number < total + AT_ONCE; number++) {
		if (number >= AT_ONCE && pthread_join(threads[number % AT_ONCE], NULL) != 0)
			fail("pthread_join");
		if (number < total)
			threads[number % AT_ONCE] = thread_start(live_shortly, (void *)(number + 1));
	}
	for (int i = 0; i < STORE; i++)
		object_drop(&store[i].object);
	resident = resident_bytes();
	dprintf(STDOUT_FILENO, "resident %zu KiB before, %zu KiB after\n", resident_before >> 10, resident >> 10);
	if (resident > resident_before + RESIDENT_MAX_BYTES)
		fail("more than %d MiB stayed resident", RESIDENT_MAX_BYTES >> 20);
	dprintf(STDOUT_FILENO, "thread-storm ok\n");
	return 0;
}
