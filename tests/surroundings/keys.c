/* A program whose first constructor takes all keys of pthread_key_create that there are: its threads' memory is given
 * back all the same, and it gets all keys but one. Counted in resident memory over 2000 threads, whatever time they take.
 *
 * keys used              the threads call malloc and free
 * keys in_destructor     their first call is the free of a key's destructor
 * keys FILE              the library is opened when all keys are taken, and its own malloc and free are called
 */
#include "surroundings.h"
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>

#define THREADS 2000
#define GROWTH_MB 2

static pthread_key_t first;
static int got;
static void *(*own_malloc)(size_t) = malloc;
static void (*own_free)(void *) = free;

static void free_value(void *value) { own_free(value); }

__attribute__((constructor(101))) static void take_all_keys(void)
{
	pthread_key_t key;

	CHECK(pthread_key_create(&first, free_value) == 0);
	for (got = 1; pthread_key_create(&key, NULL) == 0; got++)
		continue;
}

static void *use(void *unused)
{
	void *blocks[200];

	for (int i = 0; i < 200; i++)
		CHECK((blocks[i] = own_malloc((size_t)i * 20)));
	for (int i = 0; i < 200; i++)
		own_free(blocks[i]);
	return unused;
}

static void *leave_for_destructor(void *block)
{
	CHECK(pthread_setspecific(first, block) == 0);
	return NULL;
}

static void run_threads(int count, void *(*body)(void *))
{
	for (int i = 0; i < count; i++) {
		pthread_t thread;

		CHECK(pthread_create(&thread, NULL, body, own_malloc(100)) == 0);
		CHECK(pthread_join(thread, NULL) == 0);
	}
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	if (argv[1][0] == '/') {
		void *library = dlopen(argv[1], RTLD_NOW);

		CHECK(library);
		*(void **)&own_malloc = dlsym(library, "malloc");
		*(void **)&own_free = dlsym(library, "free");
		CHECK(own_malloc && own_free && own_malloc != malloc);
	} else {
		CHECK(got == PTHREAD_KEYS_MAX - 1);
	}
	void *(*body)(void *) = strcmp(argv[1], "in_destructor") == 0 ? leave_for_destructor : use;
	run_threads(200, body);
	double before = rss_mb();
	run_threads(THREADS, body);
	double growth = rss_mb() - before;
	printf("%d keys; RSS grew %.1f MB over %d threads\n", got, growth, THREADS);
	CHECK(growth <= GROWTH_MB);
	return 0;
}
