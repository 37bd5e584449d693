/*
 * Per-CPU data from outside: static variables of the program and of shared libraries of one name, which are loaded and
 * unloaded while others count; fork; sums that are exact.
 */
#define _GNU_SOURCE
#include <libmalloc.h>

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition) ((condition) ? (void)0 : fail(#condition, __LINE__))

static void fail(const char *condition, int line)
{
	fprintf(stderr, "line %d: not so: %s\n", line, condition);
	_exit(1);
}

LM_DEFINE_PER_CPU(int64_t, hits);
static LM_DEFINE_PER_CPU(int, level) = 3;
static LM_DEFINE_PER_CPU(struct { const char *name; int64_t count; }, named) = {"program", 1};

/* A constructor of usual priority may use them. */
__attribute__((constructor)) static void early(void)
{
	lm_percpu_add(&hits, 1000);
	CHECK(lm_percpu_sum(&hits) == 1000);
	lm_percpu_xchg(&hits, 0);
	if (lm_percpu_sum(&hits) != 0) /* the thread was moved meanwhile */
		lm_percpu_add(&hits, -lm_percpu_sum(&hits));
}

/* Each of the libraries has a variable of the program's name, and begins with its own value. */
static const char plugin[] = "#include <libmalloc/percpu.h>\n"
			     "LM_DEFINE_PER_CPU(int64_t, hits) = FIRST;\n"
			     "int64_t *plugin_hits(void) { return &hits; }\n"
			     "void plugin_count(int64_t n) { lm_percpu_add(&hits, n); }\n"
			     "int64_t plugin_sum(void) { return lm_percpu_sum(&hits); }\n";

static void plugin_remove(void)
{
	(void)remove("percpu-plugin.c");
	(void)remove("percpu-plugin-1.so");
	(void)remove("percpu-plugin-7.so");
}

/* In the folder where it runs; false where there is no compiler. */
static int plugin_build(int first)
{
	char command[1000];
	char folder[500];
	snprintf(folder, sizeof(folder), "%s", __FILE__);
	char *slash = strrchr(folder, '/');
	*(slash == NULL ? folder : slash) = '\0';
	FILE *source = fopen("percpu-plugin.c", "w");
	CHECK(source != NULL && fputs(plugin, source) >= 0 && fclose(source) == 0);
	snprintf(command, sizeof(command),
		 "cc -shared -fPIC -DFIRST=%d -I'%s/../../include' -o percpu-plugin-%d.so percpu-plugin.c", first,
		 *folder == '\0' ? "." : folder, first);
	return system(command) == 0;
}

struct plugin {
	void *handle;
	int64_t *(*hits)(void);
	void (*count)(int64_t n);
	int64_t (*sum)(void);
};

static struct plugin plugin_open(int first)
{
	char name[100];
	struct plugin opened;
	snprintf(name, sizeof(name), "./percpu-plugin-%d.so", first);
	opened.handle = dlopen(name, RTLD_NOW);
	if (opened.handle == NULL)
		fail(dlerror(), first);
	*(void **)&opened.hits = dlsym(opened.handle, "plugin_hits");
	*(void **)&opened.count = dlsym(opened.handle, "plugin_count");
	*(void **)&opened.sum = dlsym(opened.handle, "plugin_sum");
	return opened;
}

static volatile sig_atomic_t interrupted;

static void on_alarm(int number) { interrupted = number; }

/* A signal makes the kernel read the thread's last sequence, which must not lie in an unloaded library. */
static void be_interrupted(void)
{
	struct itimerval soon = {{0, 0}, {0, 1000}};
	interrupted = 0;
	signal(SIGALRM, on_alarm);
	setitimer(ITIMER_REAL, &soon, NULL);
	while (!interrupted)
		continue;
}

static void plugins_have_their_own(void)
{
	int64_t cpus = lm_percpu_cpus();
	int64_t own = lm_percpu_sum(&hits);
	for (int round = 0; round < 200; round++) {
		struct plugin one = plugin_open(1);
		struct plugin seven = plugin_open(7);
		CHECK(one.sum() == cpus && seven.sum() == 7 * cpus);
		lm_percpu_add(one.hits(), 5); /* a library's variable, in the program */
		one.count(100);
		seven.count(-round - 1);
		seven.count(1); /* the first one went to libmalloc, this is done by the code in the plugin */
		CHECK(one.sum() == cpus + 105 && seven.sum() == 7 * cpus - round);
		CHECK(lm_percpu_sum(seven.hits()) == 7 * cpus - round);
		CHECK(lm_percpu_sum(&hits) == own);
		CHECK(dlclose(round % 2 == 0 ? one.handle : seven.handle) == 0);
		CHECK(dlclose(round % 2 == 0 ? seven.handle : one.handle) == 0);
		if (round % 20 == 0)
			be_interrupted();
	}
}

static _Atomic int stop;
static int64_t *shared;

static void *count(void *argument)
{
	int64_t n = 0;
	for (; !stop; n++) {
		lm_percpu_add(&hits, 1);
		lm_percpu_add(shared, 2);
	}
	*(int64_t *)argument = n;
	return NULL;
}

static void in_child(void)
{
	int64_t *own = (int64_t *)lm_percpu_alloc(sizeof(int64_t), 0);
	CHECK(own != NULL);
	for (int i = 0; i < 1000; i++)
		lm_percpu_add(own, 3);
	CHECK(lm_percpu_sum(own) == 3000);
	lm_percpu_free(own);
	_exit(0);
}

static void load_and_unload(void)
{
	struct plugin one = plugin_open(1);
	for (int round = 0; round < 50; round++) {
		struct plugin seven = plugin_open(7);
		one.count(1);
		CHECK(seven.sum() == 7 * (int64_t)lm_percpu_cpus());
		CHECK(dlclose(seven.handle) == 0);
	}
	CHECK(one.sum() == (int64_t)lm_percpu_cpus() + 50);
}

static void threads_count_over_forks_and_loads(int with_plugins)
{
	pthread_t threads[3];
	int64_t counted[3];
	int64_t before = lm_percpu_sum(&hits);
	shared = (int64_t *)lm_percpu_alloc(sizeof(int64_t), 8);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, count, &counted[i]) == 0);
	if (with_plugins)
		load_and_unload();
	for (int i = 0; i < 50; i++) {
		int status;
		pid_t child = fork();
		if (child == 0)
			in_child();
		CHECK(waitpid(child, &status, 0) == child && status == 0);
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	int64_t all = counted[0] + counted[1] + counted[2];
	CHECK(lm_percpu_sum(&hits) == before + all);
	CHECK(lm_percpu_sum(shared) == 2 * all);
	lm_percpu_free(shared);
}

int main(void)
{
	unsigned cpu;
	lm_percpu_for_each(cpu) {
		CHECK(*(int *)lm_percpu_ptr(&level, cpu) == 3);
		CHECK(strcmp(((__typeof__(named) *)lm_percpu_ptr(&named, cpu))->name, "program") == 0);
	}
	CHECK(lm_percpu_sum(&hits) == 0);
	CHECK(lm_percpu_sum(&named.count) == lm_percpu_cpus());
	CHECK(atexit(plugin_remove) == 0);
	int with_plugins = plugin_build(1) && plugin_build(7);
	if (with_plugins)
		plugins_have_their_own();
	threads_count_over_forks_and_loads(with_plugins);
	return 0;
}
