/*
 * server.c - a server whose threads hand their objects over: Larson and Krishnan, "Memory allocation for long-running
 * server applications", ISMM 1998.
 *
 * Each connection owns an array of blocks of 10 to 500 bytes and replaces random ones. After a generation the thread
 * starts its successor, leaves the array to it, and ends: so blocks are freed by threads that did not allocate them.
 * One operation is one replacement.
 *
 *      server [threads, 2]
 */
#include "../lib/load.h"

enum { SLOTS = 1000, LEAST = 10, MOST = 500, GENERATIONS = 100, REPLACEMENTS = 120000 };

struct connection {
	struct tagged slots[SLOTS];
	uint64_t random;
	int generation;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool is_done;
};

static struct connection connections[LOAD_MAX_THREADS];
static size_t replacements;

static size_t random_size(uint64_t *random) { return LEAST + load_below(random, MOST - LEAST + 1); }

static void finish(struct connection *connection)
{
	for (int i = 0; i < SLOTS; i++)
		tagged_drop(&connection->slots[i]);
	pthread_mutex_lock(&connection->lock);
	connection->is_done = true;
	pthread_cond_signal(&connection->done);
	pthread_mutex_unlock(&connection->lock);
}

static void *serve(void *argument)
{
	struct connection *connection = argument;
	for (size_t i = 0; i < replacements; i++) {
		struct tagged *slot = &connection->slots[load_below(&connection->random, SLOTS)];
		tagged_drop(slot);
		*slot = tagged_new(random_size(&connection->random));
	}
	if (++connection->generation == GENERATIONS)
		finish(connection);
	else
		pthread_detach(load_thread(serve, connection));
	return NULL;
}

static void open_connection(struct connection *connection, int index)
{
	pthread_mutex_init(&connection->lock, NULL);
	pthread_cond_init(&connection->done, NULL);
	connection->random = load_seed(index);
	for (int i = 0; i < SLOTS; i++)
		connection->slots[i] = tagged_new(random_size(&connection->random));
	pthread_detach(load_thread(serve, connection));
}

static void wait_for(struct connection *connection)
{
	pthread_mutex_lock(&connection->lock);
	while (!connection->is_done)
		pthread_cond_wait(&connection->done, &connection->lock);
	pthread_mutex_unlock(&connection->lock);
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 2);
	replacements = load_work(REPLACEMENTS) * 2 / (size_t)threads;
	uint64_t begin = bench_now_ns();
	for (int i = 0; i < threads; i++)
		open_connection(&connections[i], i);
	for (int i = 0; i < threads; i++)
		wait_for(&connections[i]);
	load_report(begin, (double)replacements * threads * GENERATIONS);
	return 0;
}
