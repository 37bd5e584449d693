/* A program whose first constructor registers fork handlers that allocate, and whose other threads allocate too. The
 * library's own handlers hold all locks: they are to come last before the fork, and first after it.
 */
#include "surroundings.h"
#include <pthread.h>
#include <sys/wait.h>

#define BLOCKS 3000
#define FORKS 50
#define ALARM_SECONDS 600

static void use(void)
{
	static void *blocks[BLOCKS];

	for (size_t i = 0; i < BLOCKS; i++)
		CHECK((blocks[i] = malloc(i)));
	for (size_t i = 0; i < BLOCKS; i++)
		free(blocks[i]);
}

__attribute__((constructor(101))) static void register_handlers(void) { CHECK(pthread_atfork(use, use, use) == 0); }

static void *churn(void *unused)
{
	for (;;)
		free(malloc(300000));
	return unused;
}

int main(void)
{
	pthread_t thread;
	int status;

	CHECK(pthread_create(&thread, NULL, churn, NULL) == 0);
	for (int i = 0; i < FORKS; i++) {
		alarm(ALARM_SECONDS);
		pid_t child = fork();
		CHECK(child >= 0);
		if (child == 0) {
			alarm(ALARM_SECONDS);
			use();
			_exit(0);
		}
		CHECK(waitpid(child, &status, 0) == child);
		CHECK(status == 0);
	}
	_exit(0);
}
