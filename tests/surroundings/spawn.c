/* posix_spawn and vfork, where the child runs in the parent's memory until it calls exec, while threads churn. The
 * child of vfork allocates and frees before it does, as search paths built by hand do, and one exec in two fails.
 */
#include "surroundings.h"
#include <pthread.h>
#include <spawn.h>
#include <sys/wait.h>

#define STARTS 100

extern char **environ;
static _Atomic int stop;

static void *churn(void *seed_given)
{
	uint64_t seed = (uintptr_t)seed_given + 5;
	void *blocks[64] = {0};

	while (!stop) {
		size_t slot = next_random(&seed) % 64;
		free(blocks[slot]);
		CHECK((blocks[slot] = malloc(1 + next_random(&seed) % 50000)));
	}
	for (int i = 0; i < 64; i++)
		free(blocks[i]);
	return NULL;
}

static int status_of(pid_t pid)
{
	int status;

	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void spawn_one(void)
{
	char *argv[] = {"sh", "-c", "exit 3", NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 9, "/dev/null", O_RDONLY, 0);
	CHECK(posix_spawnp(&pid, "sh", &actions, NULL, argv, environ) == 0);
	posix_spawn_file_actions_destroy(&actions);
	CHECK(status_of(pid) == 3);
	CHECK(posix_spawn(&pid, "/no/such/program", NULL, NULL, argv, environ) == ENOENT);
}

__attribute__((noinline)) static pid_t vfork_and_exec(const char *program)
{
	pid_t pid = vfork();

	if (pid == 0) {
		char *volatile path = malloc(5000);
		if (path) {
			strcpy(path, program);
			char *argv[] = {path, "-c", "exit 4", NULL};
			free(malloc(300000));
			execve(path, argv, environ);
			free(path);
		}
		_exit(127);
	}
	return pid;
}

int main(void)
{
	pthread_t threads[3];

	for (uintptr_t i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, churn, (void *)i) == 0);
	for (int i = 0; i < STARTS; i++) {
		spawn_one();
		CHECK(status_of(vfork_and_exec("/bin/sh")) == 4);
		CHECK(status_of(vfork_and_exec("/no/such/program")) == 127);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	printf("%d x posix_spawn and vfork\n", STARTS);
	return 0;
}
