// A randomised model test: every entry point, sizes from 0 to 4 MiB, several threads that hand objects to each other.
//
//   model SCALE SEED THREADS
//
// Checked at each step: contents, alignment, usable size (enough, and unchanged later), zeroes of calloc, contents kept
// by realloc. With one thread a sorted table of all live ranges shows an overlap at once; with more, the patterns
// (stress.h) show it when one of the two objects is looked at.

#include "stress.h"

#include <dlfcn.h>
#include <sys/mman.h>

enum {
	THREADS_MAX = 64,
	SLOTS = 3000,
	MAILBOXES = 256,
	BURST_MAX = 700,	// objects of one size: more than a thread's cache of one size class is likely to hold
	STEPS = 2500 * 1000,	// in all, at scale 100
	LIVE_MAX_BYTES = 96 << 20,
};

struct mailbox {
	pthread_mutex_t lock;
	struct object object;	// guarded by lock
};

struct worker {
	pthread_t thread;
	struct random random;
	uint64_t next_id;
	size_t live_bytes;
	long steps;
	struct object slots[SLOTS];
	struct object burst[BURST_MAX];
};

struct range {
	uintptr_t start, end;
};

static struct worker workers[THREADS_MAX];
static struct mailbox mailboxes[MAILBOXES];
static void (*free_sized_found)(void *, size_t);

// The live ranges, sorted, in the run with one thread; no mailbox is used there.
static struct range ranges[SLOTS + BURST_MAX + 1];
static size_t range_count;
static int ranges_kept;

static size_t range_index(uintptr_t start)
{
	size_t low = 0, high = range_count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (ranges[middle].start < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void range_add(const struct object *object)
{
	uintptr_t start = (uintptr_t)object->start, end = start + (object->usable == 0 ? 1 : object->usable);
	size_t at;

	if (!ranges_kept)
		return;
	at = range_index(start);
	if (at > 0 && ranges[at - 1].end > start)
		fail("%#lx-%#lx overlaps %#lx-%#lx", start, end, ranges[at - 1].start, ranges[at - 1].end);
	if (at < range_count && ranges[at].start < end)
		fail("%#lx-%#lx overlaps %#lx-%#lx", start, end, ranges[at].start, ranges[at].end);
	memmove(&ranges[at + 1], &ranges[at], (range_count - at) * sizeof *ranges);
	ranges[at] = (struct range){ start, end };
	range_count++;
}

static void range_remove(const struct object *object)
{
	size_t at;

	if (!ranges_kept)
		return;
	at = range_index((uintptr_t)object->start);
	range_count--;
	memmove(&ranges[at], &ranges[at + 1], (range_count - at) * sizeof *ranges);
}

static void adopt(struct worker *worker, struct object *object, void *start, size_t size, size_t align)
{
	object_adopt(object, start, size, align, worker->next_id++);
	range_add(object);
	worker->live_bytes += object->usable;
}

static void make_zeroed(struct worker *worker, struct object *object)
{
	size_t size = random_size(&worker->random);
	size_t count = 1 + random_below(&worker->random, 8);
	unsigned char *start = calloc(count, size / count);

	size = size / count * count;
	if (start != NULL && size > 0 && (start[0] != 0 || memcmp(start, start + 1, size - 1) != 0))
		fail("calloc(%zu, %zu) at %p is not zero", count, size / count, (void *)start);
	adopt(worker, object, start, size, natural_align(size));
}

static size_t random_align(struct random *random)
{
	return (size_t)8 << (random_below(random, 64) == 0 ? random_below(random, 19) : random_below(random, 11));
}

static void make_aligned(struct worker *worker, struct object *object)
{
	size_t align = random_align(&worker->random), size = random_size(&worker->random);
	void *start = NULL;

	switch (random_below(&worker->random, 3)) {
	case 0:
		start = aligned_alloc(align, size);
		break;
	case 1:
		start = memalign(align, size);
		break;
	default:
		if (posix_memalign(&start, align, size) != 0)
			start = NULL;
	}
	adopt(worker, object, start, size, align);
}

static void make(struct worker *worker, struct object *object)
{
	size_t size;

	switch (random_below(&worker->random, 8)) {
	case 0:
	case 1:
		make_zeroed(worker, object);
		break;
	case 2:
		make_aligned(worker, object);
		break;
	case 3:
		size = random_size(&worker->random) + 1;
		adopt(worker, object, realloc(NULL, size), size, natural_align(size));
		break;
	default:
		size = random_size(&worker->random);
		adopt(worker, object, malloc(size), size, natural_align(size));
	}
}

static void drop(struct worker *worker, struct object *object)
{
	object_check(object);
	range_remove(object);
	worker->live_bytes -= object->usable;
	if (free_sized_found != NULL && object->id % 4 == 0)
		free_sized_found(object->start, object->size);
	else
		free(object->start);
	object->start = NULL;
}

// The size after a realloc: any, or near the old one, as growing vectors ask.
static size_t random_resize(struct worker *worker, size_t size)
{
	size_t near = size + size / 8 + random_below(&worker->random, 64);

	return (random_below(&worker->random, 3) == 0 || near > 8 << 20 ? random_size(&worker->random) : near) + 1;
}

static void resize(struct worker *worker, struct object *object)
{
	struct object old = *object;
	size_t size = random_resize(worker, old.size), member = 1 + random_below(&worker->random, 8);
	void *start;

	object_check(object);
	range_remove(object);
	if (random_below(&worker->random, 2) == 0) {
		start = realloc(old.start, size);
	} else {
		size = (size + member - 1) / member * member;
		start = reallocarray(old.start, size / member, member);
	}
	if (start != NULL)
		pattern_check_at(&old, start, old.size < size ? old.size : size);
	worker->live_bytes -= old.usable;
	adopt(worker, object, start, size, natural_align(size));
}

// Puts the object into a mailbox and takes out what another thread left there.
static void hand_over(struct worker *worker, struct object *object)
{
	struct mailbox *mailbox = &mailboxes[random_below(&worker->random, MAILBOXES)];
	struct object taken;

	pthread_mutex_lock(&mailbox->lock);
	taken = mailbox->object;
	mailbox->object = *object;
	pthread_mutex_unlock(&mailbox->lock);
	worker->live_bytes -= object->usable;
	*object = taken;
	if (taken.start != NULL) {
		worker->live_bytes += taken.usable;
		object_check(object);
	}
}

// Many objects of one size, all freed again, from either end or across: caches run full and empty.
static void burst(struct worker *worker)
{
	size_t size = random_below(&worker->random, 1 << (4 + random_below(&worker->random, 10)));
	size_t count = 1 + random_below(&worker->random, BURST_MAX), kept = random_below(&worker->random, count);
	uint64_t order = random_below(&worker->random, 3);

	for (size_t i = 0; i < count; i++)
		adopt(worker, &worker->burst[i], malloc(size), size, natural_align(size));
	for (size_t i = 0; i < kept; i++)
		drop(worker, &worker->burst[i]);
	for (size_t i = 0; i < kept; i++)
		adopt(worker, &worker->burst[i], malloc(size), size, natural_align(size));
	for (size_t i = 0; i < count; i++)
		drop(worker, &worker->burst[order == 0 ? i : order == 1 ? count - 1 - i : (i + kept) % count]);
}

// Impossible requests change nothing.
static void try_impossible(struct worker *worker, const struct object *object)
{
	volatile size_t huge = SIZE_MAX / 2 + 1 + random_below(&worker->random, 1000);
	void *start = object->start;

	if (malloc(huge) != NULL || calloc(huge / 16, 33) != NULL || realloc(start, huge) != NULL ||
	    reallocarray(start, huge, 2) != NULL || aligned_alloc(64, huge) != NULL || errno != ENOMEM)
		fail("a request of %zu bytes was served, or errno is %d", huge, errno);
	object_check(object);
}

static void step(struct worker *worker)
{
	struct object *object = &worker->slots[random_below(&worker->random, SLOTS)];
	uint64_t choice = random_below(&worker->random, 1000);

	if (object->start == NULL)
		make(worker, object);
	else if (worker->live_bytes > LIVE_MAX_BYTES || choice < 500)
		drop(worker, object);
	else if (choice < 700)
		resize(worker, object);
	else if (choice < 850 && !ranges_kept)
		hand_over(worker, object);
	else if (choice == 999)
		try_impossible(worker, object);
	else if (choice == 998)
		burst(worker);
	else
		object_check(object);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (long i = 0; i < worker->steps; i++)
		step(worker);
	return NULL;
}

static void drop_all(int threads)
{
	for (int i = 0; i < threads; i++)
		for (int slot = 0; slot < SLOTS; slot++)
			object_drop(&workers[i].slots[slot]);
	for (int i = 0; i < MAILBOXES; i++)
		object_drop(&mailboxes[i].object);
}

int main(int argc, char **argv)
{
	long scale = stress_start("model", argc, argv);
	int threads = argc > 3 ? atoi(argv[3]) : 4;

	if (threads < 1 || threads > THREADS_MAX)
		fail("1 to %d threads", THREADS_MAX);
	ranges_kept = threads == 1;
	*(void **)&free_sized_found = dlsym(RTLD_DEFAULT, "free_sized");
	for (int i = 0; i < MAILBOXES; i++)
		pthread_mutex_init(&mailboxes[i].lock, NULL);
	for (int i = 0; i < threads; i++) {
		workers[i].random = random_of((uint64_t)i);
		workers[i].next_id = (uint64_t)(i + 1) << 40;
		workers[i].steps = STEPS * scale / 100 / threads;
		workers[i].thread = thread_start(work, &workers[i]);
	}
	for (int i = 0; i < threads; i++)
		pthread_join(workers[i].thread, NULL);
	drop_all(threads);
	dprintf(STDOUT_FILENO, "model ok\n");
	return 0;
}
