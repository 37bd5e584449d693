// expect: nothing
#include "misuse.h"

static pthread_key_t key;

static void destroy(void *p)
{
	free(p);
	pthread_setspecific(key, malloc(100));
}

static void *set(void *arg)
{
	pthread_setspecific(key, malloc(64));
	return arg;
}

int main(void)
{
	pthread_key_create(&key, destroy);
	for (int i = 0; i < 100; i++)
		in_thread(set, NULL);
	return 0;
}
