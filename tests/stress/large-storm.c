// Blocks of 128 KiB to 30 MB that several threads cut out of kept mappings, merge, join, resize and free for each other.
//
//   large-storm SCALE SEED
//
// Meanwhile threads end and begin, one trims, moves M_MMAP_THRESHOLD and M_MMAP_MAX and lowers RLIMIT_AS for moments, and
// one forks. Contents stay, whoever resizes or frees a block; calloc is zero; a refusal is NULL and ENOMEM, only comes
// while the limit is low, and leaves the block of a realloc as it was. In the end every byte is accounted for.

#include "stress.h"

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum {
	WORKERS = 4,
	LIVES = 8,		// of each worker, one after the other, at scale 100
	STEPS = 180,		// of each life
	SLOTS = 40,
	PRIVATE = 6,
	CHILD_SECONDS = 600,
	ADDRESSES_MAX_BYTES = 256 << 20,	// stacks that libc keeps, our own data
};

static struct {
	pthread_mutex_t lock;
	struct object object;	// guarded by lock
} shared[SLOTS];

static atomic_bool stop;
static atomic_ulong limit_rounds;	// odd while RLIMIT_AS is low
static atomic_ulong next_id = 1;
static atomic_ulong refusals, growths, moves;

// 128 KiB to 30 MB: most are too short for joined mappings.
static size_t large_size(struct random *random)
{
	unsigned bits = 17 + (unsigned)random_below(random, random_below(random, 3) == 0 ? 8 : 5);
	size_t size = ((size_t)1 << bits) + random_below(random, (size_t)1 << bits);

	return size < 30000000 ? size : 30000000;
}

// The count before the call and the count after it tell whether the limit was low at some time of the call.
static void *accept_refusal(void *start, size_t size, unsigned long rounds)
{
	if (start != NULL)
		return start;
	if (errno != ENOMEM)
		fail("%zu bytes refused, and errno is %d", size, errno);
	if (rounds % 2 == 0 && rounds == atomic_load(&limit_rounds))
		fail("%zu bytes refused without a limit", size);
	atomic_fetch_add(&refusals, 1);
	return NULL;
}

static void check_zeros(const unsigned char *start, size_t size)
{
	uint64_t word;

	for (size_t at = 0; at + sizeof word <= size; at += sizeof word) {
		memcpy(&word, start + at, sizeof word);
		if (word != 0)
			fail("calloc of %zu at %p: not zero at byte %zu", size, (const void *)start, at);
	}
	for (size_t at = size / 8 * 8; at < size; at++)
		if (start[at] != 0)
			fail("calloc of %zu at %p: not zero at byte %zu", size, (const void *)start, at);
}

static void make(struct object *object, struct random *random)
{
	unsigned long rounds = atomic_load(&limit_rounds);
	size_t size = large_size(random), align = 16;
	uint64_t kind = random_below(random, 8);
	void *start = NULL;

	errno = 0;
	if (kind == 0) {
		start = calloc(1, size);
	} else if (kind == 1) {
		align = (size_t)4096 << random_below(random, 10);
		start = aligned_alloc(align, size);
	} else {
		start = malloc(size);
	}
	if (accept_refusal(start, size, rounds) == NULL)
		return;
	if (kind == 0)
		check_zeros(start, size);
	object_adopt(object, start, size, align, atomic_fetch_add(&next_id, 1));
}

static void resize(struct object *object, struct random *random)
{
	unsigned long rounds = atomic_load(&limit_rounds);
	size_t size = random_below(random, 3) == 0 ? large_size(random) : object->size + random_below(random, object->size);
	struct object old = *object;
	void *start;

	if (size > 30000000)
		size = 30000000 - random_below(random, 1 << 20);
	errno = 0;
	start = accept_refusal(realloc(old.start, size), size, rounds);
	if (start == NULL) {
		object_check(&old);
		return;
	}
	atomic_fetch_add(&growths, size > old.size);
	atomic_fetch_add(&moves, start != (void *)old.start);
	pattern_check_at(&old, start, size < old.usable ? size : old.usable);
	object_adopt(object, start, size, 16, atomic_fetch_add(&next_id, 1));
}

static void work_on(struct object *object, struct random *random)
{
	uint64_t kind = random_below(random, 4);

	if (object->start == NULL)
		make(object, random);
	else if (kind < 2)
		object_drop(object);
	else if (kind == 2)
		resize(object, random);
	else
		object_check(object);
}

static void *live(void *arg)
{
	struct random random = random_of((uint64_t)(uintptr_t)arg);
	struct object private[PRIVATE] = { 0 };

	for (int step = 0; step < STEPS; step++) {
		size_t at = random_below(&random, SLOTS);

		work_on(&private[random_below(&random, PRIVATE)], &random);
		pthread_mutex_lock(&shared[at].lock);
		work_on(&shared[at].object, &random);
		pthread_mutex_unlock(&shared[at].lock);
	}
	for (int i = 0; i < PRIVATE; i++)
		object_drop(&private[i]);
	return NULL;
}

static size_t mapped_addresses(void)
{
	char text[64] = "";
	FILE *stream = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;

	if (stream == NULL)
		return 0;
	if (fgets(text, sizeof text, stream) != NULL)
		pages = strtoul(text, NULL, 10);
	fclose(stream);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit_for_a_moment(struct random *random)
{
	size_t now = mapped_addresses();
	struct rlimit before, low;

	if (now == 0 || getrlimit(RLIMIT_AS, &before) != 0)
		return;
	low = before;
	low.rlim_cur = random_below(random, 2) == 0 ? 1 : now + random_below(random, 32 << 20);
	atomic_fetch_add(&limit_rounds, 1);
	setrlimit(RLIMIT_AS, &low);
	usleep((useconds_t)random_below(random, 3000));
	setrlimit(RLIMIT_AS, &before);
	atomic_fetch_add(&limit_rounds, 1);
}

static void *meddle(void *arg)
{
	static const int thresholds[] = { 64 << 10, 128 << 10, 128 << 10, 1 << 20, 3 << 20 };
	static const int most[] = { 65536, 65536, 65536, 10, 0 };
	struct random random = random_of((uint64_t)(uintptr_t)arg);

	while (!atomic_load(&stop)) {
		uint64_t kind = random_below(&random, 8);

		if (kind == 0)
			mallopt(M_MMAP_THRESHOLD, thresholds[random_below(&random, 5)]);
		else if (kind == 1)
			mallopt(M_MMAP_MAX, most[random_below(&random, 5)]);
		else if (kind == 2)
			malloc_trim(0);
		else if (kind == 3)
			limit_for_a_moment(&random);
		usleep(1000);
	}
	return NULL;
}

static void live_as_child(struct object *inherited, struct random random)
{
	struct rlimit limit;

	alarm(CHILD_SECONDS);
	if (getrlimit(RLIMIT_AS, &limit) != 0 || (limit.rlim_cur = limit.rlim_max, setrlimit(RLIMIT_AS, &limit)) != 0)
		fail("setrlimit: errno %d", errno);
	for (int i = 0; i < PRIVATE; i++)
		object_drop(&inherited[i]);
	for (int step = 0; step < 30; step++)
		work_on(&inherited[random_below(&random, PRIVATE)], &random);
	for (int i = 0; i < PRIVATE; i++)
		object_drop(&inherited[i]);
	_exit(0);
}

// A child may inherit the low limit: it raises it.
static void *fork_often(void *arg)
{
	struct random random = random_of((uint64_t)(uintptr_t)arg);
	struct object own[PRIVATE] = { 0 };
	int status;

	while (!atomic_load(&stop)) {
		pid_t child;

		for (int step = 0; step < 20; step++)
			work_on(&own[random_below(&random, PRIVATE)], &random);
		child = fork();
		if (child == 0)
			live_as_child(own, random);
		if (child > 0 && (waitpid(child, &status, 0) != child || status != 0))
			fail("a child ended with wait status %#x", (unsigned)status);
		usleep(20000);
	}
	for (int i = 0; i < PRIVATE; i++)
		object_drop(&own[i]);
	return NULL;
}

// Stacks may be refused while the limit is low.
static pthread_t begin_life(uintptr_t number)
{
	pthread_t thread;
	int error;

	while ((error = pthread_create(&thread, NULL, live, (void *)number)) == EAGAIN)
		usleep(1000);
	if (error != 0)
		fail("pthread_create: %s", strerror(error));
	return thread;
}

static void check_all_is_free(const struct mallinfo2 *before, size_t addresses_before)
{
	struct mallinfo2 after = mallinfo2();
	size_t addresses;

	malloc_trim(0);
	addresses = mapped_addresses();
	dprintf(STDOUT_FILENO, "%lu refusals, %lu growths, %lu moves; addresses: %zu MiB before, %zu MiB after\n",
		atomic_load(&refusals), atomic_load(&growths), atomic_load(&moves), addresses_before >> 20, addresses >> 20);
	if (addresses > addresses_before + ADDRESSES_MAX_BYTES)
		fail("more than %d MiB of addresses were lost", ADDRESSES_MAX_BYTES >> 20);
	if (after.hblks != before->hblks || after.hblkhd != before->hblkhd)
		fail("%zu blocks of %zu bytes were mapped before, %zu of %zu are after everything was freed", before->hblks,
		     before->hblkhd, after.hblks, after.hblkhd);
	// What libc keeps of threads.
	if (after.uordblks > before->uordblks + (128 << 10))
		fail("%zu bytes were live before, %zu are after everything was freed", before->uordblks, after.uordblks);
}

int main(int argc, char **argv)
{
	long scale = stress_start("large-storm", argc, argv);
	struct mallinfo2 before = mallinfo2();
	size_t addresses_before = mapped_addresses();
	pthread_t workers[WORKERS], meddler, forker;
	uintptr_t lives = (uintptr_t)(LIVES * scale / 100) * WORKERS;

	for (int i = 0; i < SLOTS; i++)
		pthread_mutex_init(&shared[i].lock, NULL);
	forker = thread_start(fork_often, (void *)(uintptr_t)1000002);
	meddler = thread_start(meddle, (void *)(uintptr_t)1000001);	// last: thread_start takes no refusal
	for (uintptr_t number = 0; number < lives + WORKERS; number++) {
		if (number >= WORKERS && pthread_join(workers[number % WORKERS], NULL) != 0)
			fail("pthread_join");
		if (number < lives)
			workers[number % WORKERS] = begin_life(number + 1);
	}
	atomic_store(&stop, true);
	pthread_join(meddler, NULL);
	pthread_join(forker, NULL);
	for (int i = 0; i < SLOTS; i++)
		object_drop(&shared[i].object);
	check_all_is_free(&before, addresses_before);
	dprintf(STDOUT_FILENO, "large-storm ok\n");
	return 0;
}
