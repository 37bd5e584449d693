// Forks at any moment while threads churn: each child allocates at once, checks what it inherited, and ends.
//
//   fork-storm SCALE SEED
//
// Children end by _exit, by exit, after a thread of their own, or after a child of their own. A child that hangs on a
// lock that some thread held at the fork is killed by its alarm.

#include "stress.h"

#include <stdbool.h>

enum {
	CHURNERS = 3,
	FORKERS = 2,
	FORKS = 800,		// in all, at scale 100
	SLOTS = 300,
	CHILD_OBJECTS = 100,
	CHILD_SECONDS = 300,
};

static atomic_bool stop;
static long forks_per_forker;

static void churn(struct object *slots, struct random *random, uint64_t id)
{
	struct object *object = &slots[random_below(random, SLOTS)];

	if (object->start != NULL)
		object_drop(object);
	else
		object_make(object, random, id);
}

static void *churn_until_stopped(void *arg)
{
	static struct object slots[CHURNERS][SLOTS];
	uint64_t worker = (uint64_t)(uintptr_t)arg;
	struct random random = random_of(worker);

	for (uint64_t id = worker << 40; !atomic_load(&stop); id++)
		churn(slots[worker], &random, id);
	for (int i = 0; i < SLOTS; i++)
		object_drop(&slots[worker][i]);
	return NULL;
}

static void *allocate_and_free(void *arg)
{
	struct random random = random_of((uint64_t)(uintptr_t)arg);
	struct object objects[CHILD_OBJECTS];

	for (int i = 0; i < CHILD_OBJECTS; i++)
		object_make(&objects[i], &random, (uint64_t)i);
	for (int i = 0; i < CHILD_OBJECTS; i++)
		object_drop(&objects[i]);
	return NULL;
}

static void live_as_child(struct object *inherited, struct random random, long number)
{
	pid_t grandchild;

	alarm(CHILD_SECONDS);
	allocate_and_free((void *)number);
	for (int i = 0; i < SLOTS; i++)
		object_drop(&inherited[i]);
	for (int i = 0; i < SLOTS; i++)
		churn(inherited, &random, (uint64_t)i);
	if (number % 4 == 1)
		malloc_trim(0);
	if (number % 4 == 2)
		pthread_join(thread_start(allocate_and_free, (void *)number), NULL);
	if (number % 16 == 3) {
		grandchild = fork();
		if (grandchild == 0) {
			alarm(CHILD_SECONDS);
			allocate_and_free((void *)number);
			_exit(0);
		}
		wait_for(grandchild, "a grandchild");
	}
	if (number % 8 == 0)
		exit(0);
	_exit(0);
}

static void *fork_many(void *arg)
{
	uint64_t worker = (uint64_t)(uintptr_t)arg;
	struct random random = random_of(100 + worker);
	struct object slots[SLOTS] = { 0 };

	for (long i = 0; i < forks_per_forker; i++) {
		pid_t child;

		for (int step = 0; step < 200; step++)
			churn(slots, &random, worker << 50 | (uint64_t)(i * 200 + step));
		child = fork();
		if (child == 0)
			live_as_child(slots, random, i);
		wait_for(child, "a child");
	}
	for (int i = 0; i < SLOTS; i++)
		object_drop(&slots[i]);
	return NULL;
}

int main(int argc, char **argv)
{
	long scale = stress_start("fork-storm", argc, argv);
	pthread_t churners[CHURNERS], forkers[FORKERS];

	forks_per_forker = FORKS * scale / 100 / FORKERS;
	for (uintptr_t i = 0; i < CHURNERS; i++)
		churners[i] = thread_start(churn_until_stopped, (void *)i);
	for (uintptr_t i = 0; i < FORKERS; i++)
		forkers[i] = thread_start(fork_many, (void *)(i + 1));
	for (int i = 0; i < FORKERS; i++)
		pthread_join(forkers[i], NULL);
	atomic_store(&stop, true);
	for (int i = 0; i < CHURNERS; i++)
		pthread_join(churners[i], NULL);
	dprintf(STDOUT_FILENO, "fork-storm ok\n");
	return 0;
}
