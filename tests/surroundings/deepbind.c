/* A plugin opened with RTLD_DEEPBIND: its malloc and free bind to libc, while what getline, strdup and asprintf
 * return was made by the preloaded malloc.
 *
 * deepbind cross FILE: memory goes from main and libc to the plugin's free and realloc, and back.
 * deepbind from FILE: the plugin allocates with libc's malloc where this program's blocks were, and the program frees.
 * deepbind flag FILE: RTLD_DEEPBIND keeps its meaning: the plugin sees its own definition before main's.
 */
#include "deepbind.h"
#include "surroundings.h"
#include <dlfcn.h>
#include <pthread.h>
#include <malloc.h>

const char *colour(void) { return "main's"; }

static char *from_getline(void)
{
	char *line = NULL;
	size_t room = 0;
	FILE *file = fopen("/proc/self/status", "r");

	CHECK(file && getline(&line, &room, file) > 0);
	fclose(file);
	return line;
}

static char *from_asprintf(void)
{
	char *text;

	CHECK(asprintf(&text, "%0500d", 7) == 500);
	return text;
}

static char *from_memstream(void)
{
	char *text;
	size_t length;
	FILE *stream = open_memstream(&text, &length);

	CHECK(stream && fprintf(stream, "%0200000d", 7) == 200000);
	fclose(stream);
	return text;
}

static void to_plugin(const struct plugin *plugin)
{
	plugin->free(from_getline());
	plugin->free(from_asprintf());
	plugin->free(from_memstream());
	plugin->free(strdup("a small string"));
	plugin->free(getcwd(NULL, 0));
	plugin->free(realpath("/proc", NULL));
	plugin->free(malloc(100));
	plugin->free(malloc(1 << 20));
	plugin->free(aligned_alloc(4096, 4096));

	char *grown = plugin->realloc(strdup("kept"), 300000);
	CHECK(grown && !strcmp(grown, "kept"));
	free(grown);
	char *sized = malloc(100);
	CHECK(plugin->usable_size(sized) >= 100);
	free(sized);
}

static void from_plugin(const struct plugin *plugin)
{
	free(plugin->malloc(100));
	free(plugin->malloc(1 << 20));
	free(plugin->strdup("made by libc for the plugin"));
	free(plugin->getline());
	char *grown = realloc(plugin->strdup("kept"), 300000);
	CHECK(grown && !strcmp(grown, "kept"));
	plugin->free(grown);
	char *sized = plugin->malloc(100);
	CHECK(malloc_usable_size(sized) >= 100);
	plugin->free(sized);
	plugin->inside();
}

static void cross(const char *path, int flags)
{
	void *handle = dlopen(path, flags | RTLD_DEEPBIND);

	CHECK(handle);
	const struct plugin *plugin = dlsym(handle, "plugin");
	CHECK(plugin);
	to_plugin(plugin);
	from_plugin(plugin);
	printf("definition the plugin sees with RTLD_DEEPBIND: %s\n", plugin->colour());
	CHECK(dlopen(path, RTLD_NOW | RTLD_DEEPBIND | RTLD_NOLOAD) == handle);
	dlclose(handle);
	CHECK(dlclose(handle) == 0);
}

enum { OURS = 20000 };

static void from_plugin_where_ours_were(const struct plugin *plugin)
{
	static void *ours[OURS];

	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < OURS; i++)
			ours[i] = memset(malloc(2000), 1, 2000);
		for (int i = 0; i < OURS; i++)
			free(ours[i]);
		free(plugin->malloc(100));
		free(realloc(plugin->malloc(1000), 100000));
		CHECK(!realloc(plugin->malloc(5000), 0));
		free(memset(malloc(4 << 20), 1, 4 << 20));
		free(plugin->malloc(3 << 20));
		free(memset(malloc(4 << 20), 1, 4 << 20));
		free(realloc(plugin->malloc(1000000), 2000000));
	}
}

enum { LIVE = 400, STEPS = 1000000, THREADS = 2 };

/* Blocks of up to 100,000 bytes replace each other: the heap behind `take` grows and shrinks. */
static void replace(unsigned random, void *(*take)(size_t), void (*give)(void *))
{
	static _Thread_local struct {
		size_t *block, bytes;
	} live[LIVE];

	for (int i = 0; i < STEPS; i++) {
		random = random * 1103515245 + 12345;
		unsigned at = (random >> 16) % LIVE;
		size_t bytes = 16 + (random >> 8) % 100000;
		CHECK(!live[at].block || *live[at].block == live[at].bytes);
		give(live[at].block);
		CHECK(live[at].block = take(bytes));
		*live[at].block = live[at].bytes = bytes;
	}
	for (unsigned at = 0; at < LIVE; at++)
		give(live[at].block);
}

static void *replace_ours(void *seed)
{
	replace((unsigned)(uintptr_t)seed, malloc, free);
	return NULL;
}

/* Two allocators in one process: libc's in this thread, which moves the break, and the library's in others. */
static void both_at_once(const struct plugin *plugin)
{
	pthread_t thread[THREADS];

	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, replace_ours, (void *)(i + 1)) == 0);
	replace(77, plugin->malloc, plugin->free);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

static void *(*lm_malloc)(size_t, unsigned);
static void (*lm_kvfree)(void *);

static void *take_late(size_t bytes) { return lm_malloc(bytes, 0); }

static void *replace_late(void *seed)
{
	replace((unsigned)(uintptr_t)seed, take_late, lm_kvfree);
	return NULL;
}

/* The library opened late, for its own functions, while libc's malloc goes on in this thread. */
static void opened_late(const char *library, int mode)
{
	pthread_t thread[THREADS];
	void *handle = dlopen(library, mode);

	CHECK(handle && (lm_malloc = dlsym(handle, "lm_malloc")) && (lm_kvfree = dlsym(handle, "lm_kvfree")));
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&thread[i], NULL, replace_late, (void *)(i + 1)) == 0);
	replace(77, malloc, free);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

int main(int argc, char **argv)
{
	CHECK(argc == 3);
	CHECK(!dlopen("no-such-plugin.so", RTLD_NOW | RTLD_DEEPBIND) && strstr(dlerror(), "no-such-plugin.so"));
	CHECK(dlopen(NULL, RTLD_NOW));
	if (!strcmp(argv[1], "cross")) {
		cross(argv[2], RTLD_NOW);
		cross(argv[2], RTLD_LAZY | RTLD_GLOBAL);
	} else if (!strcmp(argv[1], "from")) {
		void *handle = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);
		CHECK(handle);
		from_plugin_where_ours_were(dlsym(handle, "plugin"));
	} else if (!strcmp(argv[1], "late")) {
		opened_late(argv[2], RTLD_NOW);
	} else if (!strcmp(argv[1], "late_deep")) {
		opened_late(argv[2], RTLD_NOW | RTLD_DEEPBIND);
	} else if (!strcmp(argv[1], "both")) {
		void *handle = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);
		CHECK(handle);
		both_at_once(dlsym(handle, "plugin"));
	} else {
		void *handle = dlopen(argv[2], RTLD_NOW | RTLD_DEEPBIND);
		CHECK(handle);
		const struct plugin *plugin = dlsym(handle, "plugin");
		CHECK(!strcmp(plugin->colour(), "the plugin's"));
	}
	return 0;
}
