/* Fork at any moment while other threads allocate and free; the child allocates at once, starts a thread and exits.
 * A child that hangs is ended by its alarm and counts as failed.
 */
#include "surroundings.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>

#define THREADS 4
#define FORKS 200
#define SLOTS 256

static _Atomic int stop;
static _Atomic(void *) shared[SLOTS];

static void *churn(void *number)
{
	static const size_t most[] = {100, 1000, 30000, 400000};
	uint64_t seed = (uintptr_t)number + 5;

	while (!stop) {
		void *p = malloc(1 + next_random(&seed) % most[next_random(&seed) % 4]);
		CHECK(p);
		*(char *)p = 1;
		free(atomic_exchange(&shared[next_random(&seed) % SLOTS], p));
	}
	return NULL;
}

static void *work(void *unused)
{
	static const size_t sizes[] = {8, 100, 1000, 10000, 100000, 1000000};

	for (int i = 0; i < 30; i++) {
		char *p = malloc(sizes[i % 6]);
		CHECK(p);
		memset(p, 1, sizes[i % 6]);
		CHECK((p = realloc(p, sizes[i % 6] * 2)));
		free(p);
	}
	return unused;
}

static void child(void)
{
	pthread_t thread;

	alarm(200);
	work(NULL);
	for (int i = 0; i < SLOTS; i++)
		free(shared[i]); /* made by threads that do not exist here */
	CHECK(pthread_create(&thread, NULL, work, NULL) == 0);
	pthread_join(thread, NULL);
	exit(0);
}

int main(void)
{
	pthread_t threads[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
	for (int i = 0; i < FORKS; i++) {
		int status;
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0)
			child();
		free(malloc(100));
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(status == 0);
	}
	stop = 1;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d forks among %d threads\n", FORKS, THREADS);
	return 0;
}
