// A workload whose system calls are made to fail: by strace from outside, or by a resource limit from inside.
//
//   workload [in-thread] [endless] [under-as BYTES | under-data BYTES]
//
// It allocates, grows and frees objects of all sizes and checks every byte. NULL with ENOMEM is a right answer at any
// time; a changed byte, a dirty calloc, another errno is not. When the faults are over, all must work again.
// What comes before prctl(PR_SET_NAME, "workload") is start-up; after it no system call is made but the allocator's
// (and those of pthread_create). A thread counts its own calls: in-thread shifts them by THREAD_SHIFT harmless ones,
// so that a fault meant for the thread's N-th call never meets the main thread. No stdio: it would allocate.

#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SLOTS = 64, STEPS = 600, THREAD_SHIFT = 100, RECOVERY_ROUNDS = 200 };

struct object {
	unsigned char *start;
	size_t size;
	unsigned char fill;
};

static struct object objects[SLOTS];
static uint64_t random_state = 88172645463325252u;
static int refused;
static __rlimit_resource_t limited;
static const char *more_bytes;	// above what the process has; NULL: no limit

__attribute__((noreturn, format(printf, 1, 2))) static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	dprintf(STDOUT_FILENO, "workload failed: ");
	vdprintf(STDOUT_FILENO, format, args);
	dprintf(STDOUT_FILENO, "\n");
	_exit(1);
}

static uint64_t random_below(uint64_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state % limit;
}

// Six in ten small, three medium, one large: at least one of each path in a few dozen steps.
static size_t random_size(void)
{
	uint64_t kind = random_below(10);

	if (kind < 6)
		return random_below(1024);
	if (kind < 9)
		return 1024 + random_below(127 * 1024);
	return (128 << 10) + random_below(1 << 20);
}

// The first index below size whose byte is not value, or size: equal neighbours all along mean equal bytes.
static size_t first_other_byte(const unsigned char *start, size_t size, unsigned char value)
{
	size_t i = 0;

	if (size == 0 || (start[0] == value && memcmp(start, start + 1, size - 1) == 0))
		return size;
	while (i < size && start[i] == value)
		i++;
	return i;
}

static void check_fill(const struct object *object, size_t size)
{
	size_t i = first_other_byte(object->start, size, object->fill);

	if (i < size)
		fail("byte %zu of %zu at %p is %#x, not %#x", i, object->size, (void *)object->start,
		     object->start[i], object->fill);
}

static void fill(struct object *object)
{
	object->fill = (unsigned char)(1 + random_below(255));
	memset(object->start, object->fill, object->size);
}

static void count_refusal(const char *function, size_t size, int error)
{
	if (error != ENOMEM)
		fail("%s of %zu refused with errno %d", function, size, error);
	refused++;
}

static void check_zero(const struct object *object)
{
	size_t i = first_other_byte(object->start, object->size, 0);

	if (i < object->size)
		fail("calloc of %zu: byte %zu is %#x", object->size, i, object->start[i]);
}

static void make(struct object *object)
{
	size_t align = (size_t)16 << random_below(10);

	object->size = random_size();
	errno = 0;
	switch (random_below(4)) {
	case 0:
		object->start = calloc(1, object->size);
		if (object->start != NULL)
			check_zero(object);
		break;
	case 1:
		object->start = aligned_alloc(align, object->size);
		if ((uintptr_t)object->start % align != 0)
			fail("%p is not aligned to %zu", (void *)object->start, align);
		break;
	default:
		object->start = malloc(object->size);
	}
	if (object->start == NULL)
		count_refusal("allocation", object->size, errno);
	else
		fill(object);
}

static void discard(struct object *object)
{
	if (object->start == NULL)
		return;
	check_fill(object, object->size);
	errno = 4711;
	free(object->start);
	if (errno != 4711)
		fail("free of %zu changed errno to %d", object->size, errno);
	object->start = NULL;
}

static void resize(struct object *object)
{
	size_t old_size = object->size, size = random_size() + 1;
	unsigned char *moved;

	check_fill(object, old_size);
	errno = 0;
	moved = realloc(object->start, size);
	if (moved == NULL) {
		count_refusal("realloc", size, errno);
		check_fill(object, old_size);
		return;
	}
	object->start = moved;
	object->size = size;
	check_fill(object, old_size < size ? old_size : size);
	fill(object);
}

static void churn(void)
{
	for (int step = 0; step < STEPS; step++) {
		struct object *object = &objects[random_below(SLOTS)];

		if (object->start == NULL)
			make(object);
		else if (random_below(3) == 0)
			resize(object);
		else
			discard(object);
		if (step % 100 == 99)
			malloc_trim(0);
	}
}

// A vector that grows: the large block that is remapped.
static void grow(void)
{
	struct object vector = { .start = malloc(1), .size = 1 };

	if (vector.start == NULL)
		return;
	fill(&vector);
	for (size_t size = 1; size < 4 << 20; size += size / 2 + 1) {
		unsigned char *moved = realloc(vector.start, size);

		if (moved == NULL) {
			count_refusal("growth", size, errno);
			continue;
		}
		vector.start = moved;
		check_fill(&vector, vector.size < size ? vector.size : size);
		vector.size = size;
		memset(vector.start, vector.fill, size);
	}
	discard(&vector);
}

// Thousands of small objects, most of them freed in a scattered way: slabs come, become empty in part, and go.
static void scatter(void)
{
	static unsigned char *small[4000];

	for (int i = 0; i < 4000; i++) {
		small[i] = malloc(500);
		if (small[i] != NULL)
			memset(small[i], i & 255, 500);
		else
			refused++;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 4000; i++) {
			if (small[i] == NULL || (pass == 0 && i % 50 == 0))
				continue;
			if (small[i][0] != (i & 255) || small[i][499] != (i & 255))
				fail("small object %d changed", i);
			free(small[i]);
			small[i] = NULL;
		}
		malloc_trim(0);
	}
}

static void discard_all(void)
{
	for (int i = 0; i < SLOTS; i++)
		discard(&objects[i]);
}

// Reads the figure in KiB behind name in /proc/self/status.
static rlim_t status_bytes(const char *name)
{
	static char text[8192];
	int fd = open("/proc/self/status", O_RDONLY);
	ssize_t length = read(fd, text, sizeof text - 1);
	char *found;

	close(fd);
	text[length > 0 ? length : 0] = 0;
	found = strstr(text, name);
	if (found == NULL)
		fail("no %s in /proc/self/status", name);
	return (rlim_t)strtoul(found + strlen(name), NULL, 10) * 1024;
}

// Limits the process to what it has now and more_bytes above, if a limit was asked for.
static void begin_limit(void)
{
	struct rlimit limits;

	if (more_bytes == NULL)
		return;
	getrlimit(limited, &limits);
	limits.rlim_cur = status_bytes(limited == RLIMIT_AS ? "VmSize:" : "VmData:") + strtoul(more_bytes, NULL, 0);
	if (setrlimit(limited, &limits) != 0)
		fail("setrlimit: errno %d", errno);
}

static void end_limit(void)
{
	struct rlimit limits;

	if (more_bytes == NULL)
		return;
	getrlimit(limited, &limits);
	limits.rlim_cur = limits.rlim_max;
	setrlimit(limited, &limits);
}

static void *work(void *arg)
{
	begin_limit();
	churn();
	discard_all();
	grow();
	scatter();
	churn();
	discard_all();
	return arg;
}

// True when one request of each kind, and one of each after that, was served.
static int all_served(void)
{
	static const size_t sizes[] = { 1, 16, 100, 5000, 60000, 200000, 3 << 20 };
	enum { COUNT = sizeof sizes / sizeof *sizes };
	struct object got[COUNT];
	int served = 0;

	for (int i = 0; i < COUNT; i++) {
		got[i] = (struct object){ .start = calloc(1, sizes[i]), .size = sizes[i] };
		if (got[i].start == NULL)
			continue;
		check_zero(&got[i]);
		fill(&got[i]);
		served++;
	}
	for (int i = 0; i < COUNT; i++)
		discard(&got[i]);
	return served == COUNT;
}

// A few faults may still be to come; each is used up by a call that meets it.
static void check_recovery(void)
{
	for (int round = 0; round < RECOVERY_ROUNDS; round++)
		if (all_served() && all_served())
			return;
	fail("requests are still refused after the faults");
}

// What no machine can give is refused, and the next request is served.
static void check_impossible(void)
{
	volatile size_t size = (size_t)1 << 47;
	void *small;

	errno = 0;
	if (malloc(size) != NULL || errno != ENOMEM)
		fail("malloc of 2^47: errno %d", errno);
	small = malloc(16);
	if (small == NULL)
		fail("malloc of 16 after an impossible request");
	free(small);
}

static void *work_in_thread(void *arg)
{
	for (int i = 0; i < THREAD_SHIFT; i++) {
		syscall(SYS_brk, NULL);
		syscall(SYS_mmap, NULL, 0, 0, 0, -1, 0);
		syscall(SYS_munmap, NULL, 0);
		syscall(SYS_mremap, NULL, 0, 0, 0, 0);
		syscall(SYS_madvise, NULL, 0, 0);
		syscall(SYS_mprotect, NULL, 0, 0);
	}
	return work(arg);
}

static void run_in_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work_in_thread, NULL) != 0)
		fail("pthread_create");
	pthread_join(thread, NULL);
}

int main(int argc, char **argv)
{
	int in_thread = 0, endless = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "in-thread") == 0)
			in_thread = 1;
		else if (strcmp(argv[i], "endless") == 0)
			endless = 1;
		else if (strcmp(argv[i], "under-as") == 0 && i + 1 < argc)
			limited = RLIMIT_AS, more_bytes = argv[++i];
		else if (strcmp(argv[i], "under-data") == 0 && i + 1 < argc)
			limited = RLIMIT_DATA, more_bytes = argv[++i];
		else
			fail("unknown argument %s", argv[i]);
	}
	prctl(PR_SET_NAME, "workload");
	if (in_thread)
		run_in_thread();
	else
		work(NULL);
	prctl(PR_SET_NAME, "recovery");
	end_limit();
	if (!endless) {
		check_recovery();
		check_impossible();
	}
	dprintf(STDOUT_FILENO, "workload ok\n");
	dprintf(STDERR_FILENO, "refused %d\n", refused);
	return 0;
}
