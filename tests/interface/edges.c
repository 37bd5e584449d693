/*
 * edges.c - the entry points of malloc(3) at the edges: prints a line for each call, or for one call with a row of
 * arguments, with its results and what it did to errno. It prints glibc's answers and the library's; edges.table holds
 * both.
 *
 *   edges          all of them, each group in a process of its own
 *   edges setting  what a setting in the environment did, in one line
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CANARY = 7777, KIB = 1024, MIB = 1024 * KIB, BLOCKS = 2000 };

static void *blocks[BLOCKS];

struct number {
	const char *name;
	size_t value;
};
#define N(value) {#value, value}
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct number sizes[] = {
	N(0), N(1), N(15), N(17), N(4096), N(200000), N(5000000), N((size_t)1 << 62), N(PTRDIFF_MAX - 4096),
	N(PTRDIFF_MAX), N((size_t)PTRDIFF_MAX + 1), N(SIZE_MAX - 4096), N(SIZE_MAX - 15), N(SIZE_MAX),
};
static const struct number alignments[] = {
	N(0), N(1), N(2), N(3), N(4), N(8), N(12), N(16), N(24), N(64), N(4096), N(5000), N(65536), N(8388608),
	N((size_t)1 << 62), N(SIZE_MAX / 2), N(SIZE_MAX / 2 + 1), N(SIZE_MAX / 2 + 2), N(SIZE_MAX),
};

static const char *errno_name(void) { return errno == CANARY ? "kept" : strerrorname_np(errno); }

/* What stands above the rows that follow. */
static void print_names(const char *what, const struct number *numbers, size_t count)
{
	printf("%s:", what);
	for (size_t i = 0; i < count; i++)
		printf(" %s", numbers[i].name);
	printf("\n");
}

/* "block" where all is well: aligned, long enough, errno as it was, also after free. NULL: what errno is. */
static void tell_block(void *block, size_t alignment, size_t bytes)
{
	if (block == NULL) {
		printf(" %s", errno_name());
		return;
	}
	bool kept = errno == CANARY;
	bool aligned = (uintptr_t)block % alignment == 0;
	bool holds = malloc_usable_size(block) >= bytes;
	errno = CANARY;
	free(block);
	if (aligned && holds && kept && errno == CANARY)
		printf(" block");
	else
		printf(" block(%s%s%s%s)", aligned ? "" : " misaligned", holds ? "" : " short", kept ? "" : " errno",
		       errno == CANARY ? "" : " errno of free");
}

/* A call with each of the sizes: a line. */
static void row_of_sizes(const char *name, void *(*call)(size_t bytes), size_t alignment)
{
	printf("%s:", name);
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		errno = CANARY;
		tell_block(call(sizes[i].value), alignment, sizes[i].value);
	}
	printf("\n");
}

static void *realloc_of_null(size_t bytes) { return realloc(NULL, bytes); }

static void edges_of_malloc(void)
{
	print_names("sizes", sizes, LENGTH(sizes));
	row_of_sizes("malloc", malloc, 16);
	row_of_sizes("valloc", valloc, 4096);
	row_of_sizes("pvalloc", pvalloc, 4096);
	row_of_sizes("realloc of NULL", realloc_of_null, 16);
	errno = CANARY;
	size_t usable = malloc_usable_size(NULL);
	printf("malloc_usable_size of NULL: %zu, errno %s\n", usable, errno_name());
	errno = CANARY;
	free(NULL);
	printf("free of NULL: errno %s\n", errno_name());
}

static const struct number factors[] = {
	N(0), N(1), N(7), N((size_t)1 << 32), N((size_t)1 << 63), N(SIZE_MAX / 7), N(SIZE_MAX),
};

/* Products that fit, or that nobody has. */
static bool is_edge(size_t a, size_t b)
{
	size_t product;
	return __builtin_mul_overflow(a, b, &product) || product < 100 || product > (size_t)1 << 61;
}

static void *reallocarray_of_null(size_t count, size_t bytes) { return reallocarray(NULL, count, bytes); }

static void row_of_products(const char *name, void *(*call)(size_t count, size_t bytes), const struct number *count)
{
	printf("%s(%s, *):", name, count->name);
	for (size_t i = 0; i < LENGTH(factors); i++) {
		if (!is_edge(count->value, factors[i].value))
			continue;
		errno = CANARY;
		tell_block(call(count->value, factors[i].value), 16, 0);
	}
	printf("\n");
}

static void edges_of_products(void)
{
	print_names("factors", factors, LENGTH(factors));
	for (size_t i = 0; i < LENGTH(factors); i++) {
		row_of_products("calloc", calloc, &factors[i]);
		row_of_products("reallocarray of NULL", reallocarray_of_null, &factors[i]);
	}
}

/* A refusal leaves the block as it was. */
static void tell_resized(unsigned char *block, size_t from, unsigned char *resized, size_t to)
{
	if (resized == NULL && to > 0) {
		printf("%s", block[0] == 0x5a && malloc_usable_size(block) >= from ? "" : " LOST");
		free(block);
	}
	if (resized != NULL && to > 0 && resized[0] != 0x5a)
		printf(" CHANGED");
	tell_block(resized, 16, to);
}

static unsigned char *block_of(size_t bytes)
{
	unsigned char *block = malloc(bytes);
	block[0] = 0x5a;
	errno = CANARY;
	return block;
}

static void row_of_realloc(size_t from)
{
	printf("realloc of %zu:", from);
	for (size_t i = 0; i < LENGTH(sizes); i++) {
		unsigned char *block = block_of(from);
		tell_resized(block, from, realloc(block, sizes[i].value), sizes[i].value);
	}
	printf("\nreallocarray of %zu (SIZE_MAX, 2), (2, SIZE_MAX), (0, 8), (8, 0), (2, 8):", from);
	unsigned char *block = block_of(from);
	tell_resized(block, from, reallocarray(block, SIZE_MAX, 2), SIZE_MAX);
	block = block_of(from);
	tell_resized(block, from, reallocarray(block, 2, SIZE_MAX), SIZE_MAX);
	tell_resized(NULL, from, reallocarray(block_of(from), 0, 8), 0);
	tell_resized(NULL, from, reallocarray(block_of(from), 8, 0), 0);
	tell_resized(NULL, from, reallocarray(block_of(from), 2, 8), 16);
	printf("\n");
}

static void edges_of_realloc(void)
{
	static const size_t from[] = {1, 1000, 100000, 3000000};
	for (size_t i = 0; i < LENGTH(from); i++)
		row_of_realloc(from[i]);
}

static size_t power_of(size_t alignment)
{
	size_t power = 1;
	while (power < alignment && power <= SIZE_MAX / 2)
		power *= 2;
	return power;
}

/* Sizes that differ where an alignment matters: the rest would say the same. */
static const struct number few_sizes[] = {
	N(0), N(1), N(5000), N(PTRDIFF_MAX - 4096), N((size_t)PTRDIFF_MAX + 1), N(SIZE_MAX - 15), N(SIZE_MAX),
};

static void row_of_alignment(const char *name, void *(*call)(size_t, size_t), const struct number *alignment)
{
	printf("%s(%s, *):", name, alignment->name);
	for (size_t i = 0; i < LENGTH(few_sizes); i++) {
		errno = CANARY;
		tell_block(call(alignment->value, few_sizes[i].value), power_of(alignment->value), few_sizes[i].value);
	}
	printf("\n");
}

/* What it returns; then errno, or the block. The result's place is written on success only. */
static void row_of_posix_memalign(const struct number *alignment)
{
	printf("posix_memalign(%s, *):", alignment->name);
	for (size_t i = 0; i < LENGTH(few_sizes); i++) {
		void *const before = blocks;
		void *block = before;
		errno = CANARY;
		int result = posix_memalign(&block, alignment->value, few_sizes[i].value);
		printf(" %s:", result == 0 ? "0" : result == EINVAL ? "EINVAL" : result == ENOMEM ? "ENOMEM" : "?");
		if (result != 0 && block != before)
			printf(" WRITTEN");
		tell_block(result == 0 ? block : NULL, power_of(alignment->value), few_sizes[i].value);
	}
	printf("\n");
}

static void edges_of_alignment(void)
{
	print_names("sizes", few_sizes, LENGTH(few_sizes));
	for (size_t i = 0; i < LENGTH(alignments); i++) {
		row_of_alignment("memalign", memalign, &alignments[i]);
		row_of_alignment("aligned_alloc", aligned_alloc, &alignments[i]);
		row_of_posix_memalign(&alignments[i]);
	}
}

/* Runs a step in a process of its own: what it sets does not reach the next one. */
static void in_child(void (*step)(const void *), const void *argument)
{
	int status;
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		step(argument);
		fflush(stdout);
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		printf("DIED\n");
}

/* Of blocks of these sizes, how many have a mapping. The small one comes first: glibc's own record may have one. */
static int count_mapped(void)
{
	static const size_t bytes[] = {200 * KIB, 3 * MIB, 48 * MIB};
	(void)!malloc(1);
	size_t before = mallinfo2().hblks;
	for (size_t i = 0; i < LENGTH(bytes); i++) {
		char *block = malloc(bytes[i]);
		if (block == NULL)
			return -1;
		block[0] = block[bytes[i] - 1] = 1;
	}
	return (int)(mallinfo2().hblks - before);
}

struct parameter {
	const char *name;
	int number;
};

struct setting {
	const struct parameter *parameter;
	int value;
};

/* Its result; what is wrong with errno, or with malloc afterwards. */
static void tell_mallopt(const void *argument)
{
	const struct setting *setting = argument;
	errno = CANARY;
	int result = mallopt(setting->parameter->number, setting->value);
	printf(" %d%s", result, errno == CANARY ? "" : "(errno)");
	char *small = malloc(100), *medium = malloc(70000), *large = malloc(5000000);
	if (small == NULL || medium == NULL || large == NULL)
		printf("(then malloc fails)");
	free(small);
	free(medium);
	free(large);
}

static void edges_of_mallopt(void)
{
	static const struct parameter parameters[] = {
		{"M_MXFAST", M_MXFAST}, {"M_NLBLKS", M_NLBLKS}, {"M_GRAIN", M_GRAIN}, {"M_KEEP", M_KEEP},
		{"M_TRIM_THRESHOLD", M_TRIM_THRESHOLD}, {"M_TOP_PAD", M_TOP_PAD}, {"M_MMAP_THRESHOLD", M_MMAP_THRESHOLD},
		{"M_MMAP_MAX", M_MMAP_MAX}, {"M_CHECK_ACTION", M_CHECK_ACTION}, {"M_PERTURB", M_PERTURB},
		{"M_ARENA_TEST", M_ARENA_TEST}, {"M_ARENA_MAX", M_ARENA_MAX}, {"0", 0}, {"5", 5}, {"-9", -9},
		{"12345", 12345}, {"INT_MAX", INT_MAX}, {"INT_MIN", INT_MIN},
	};
	static const int values[] = {INT_MIN, -1, 0, 1, 160, 161, 256, 1 << 25, (1 << 25) + 1, INT_MAX};
	printf("values: INT_MIN -1 0 1 160 161 256 1<<25 (1<<25)+1 INT_MAX\n");
	for (size_t p = 0; p < LENGTH(parameters); p++) {
		printf("mallopt(%s, *):", parameters[p].name);
		for (size_t v = 0; v < LENGTH(values); v++)
			in_child(tell_mallopt, &(struct setting){&parameters[p], values[v]});
		printf("\n");
	}
}

static void tell_mapped(const void *argument)
{
	const struct setting *setting = argument;
	int result = mallopt(setting->parameter->number, setting->value);
	printf("%s %d: %d, %d of 3 blocks mapped\n", setting->parameter->name, setting->value, result, count_mapped());
}

static void edges_of_mappings(void)
{
	static const struct parameter threshold = {"M_MMAP_THRESHOLD", M_MMAP_THRESHOLD};
	static const struct parameter most = {"M_MMAP_MAX", M_MMAP_MAX};
	static const struct setting settings[] = {
		{&threshold, INT_MIN}, {&threshold, -1}, {&threshold, 64 * KIB}, {&threshold, MIB}, {&threshold, 1 << 25},
		{&threshold, (1 << 25) + 1}, {&threshold, 1 << 26}, {&threshold, INT_MAX}, {&most, INT_MIN}, {&most, -1},
		{&most, 0}, {&most, 1}, {&most, 2}, {&most, INT_MAX},
	};
	for (size_t i = 0; i < LENGTH(settings); i++)
		in_child(tell_mapped, &settings[i]);
}

static void fill(size_t bytes)
{
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = memset(malloc(bytes), 1, bytes);
}

static void free_each(size_t first, size_t step)
{
	for (size_t i = first; i < BLOCKS; i += step)
		free(blocks[i]);
}

static void do_nothing(void) {}
static void hold_small(void) { fill(100); }
static void hold_pages(void) { fill(10000); }
static void free_small(void) { fill(100), free_each(0, 1); }
static void free_pages(void) { fill(10000), free_each(0, 1); }
static void leave_every_second(void) { fill(10000), free_each(1, 2); }
static void leave_every_second_small(void) { fill(100), free_each(1, 2); }
static void leave_top(void)
{
	fill(3000);
	for (size_t i = 0; i + 1 < BLOCKS; i++)
		free(blocks[i]);
}
static void free_large(void) { fill(0), free(malloc(8 * MIB)); }
static void hold_large(void) { fill(0), blocks[0] = malloc(8 * MIB); }

struct heap {
	const char *name;
	void (*make)(void);
};

static void tell_trim(const void *argument)
{
	const struct heap *heap = argument;
	heap->make();
	printf("malloc_trim(0), %s: ", heap->name);
	errno = CANARY;
	int first = malloc_trim(0), second = malloc_trim(0), third = malloc_trim(0);
	printf("%d, then %d, %d; ", first, second, third);
	printf("pad SIZE_MAX %d, pad PTRDIFF_MAX %d, errno %s\n", malloc_trim(SIZE_MAX), malloc_trim(PTRDIFF_MAX),
	       errno_name());
}

static void tell_pad(const void *argument)
{
	const struct number *pad = argument;
	free_pages();
	printf("malloc_trim(%s), all freed: ", pad->name);
	errno = CANARY;
	int first = malloc_trim(pad->value), second = malloc_trim(pad->value);
	printf("%d, then %d, errno %s\n", first, second, errno_name());
}

static void edges_of_trim(void)
{
	static const struct heap heaps[] = {
		{"nothing allocated", do_nothing}, {"small blocks held", hold_small}, {"blocks of pages held", hold_pages},
		{"small blocks freed", free_small}, {"blocks of pages freed", free_pages},
		{"all but the last freed", leave_top}, {"every second freed", leave_every_second},
		{"every second small one freed", leave_every_second_small},
		{"a large block freed", free_large}, {"a large block held", hold_large},
	};
	static const struct number pads[] = {
		N(0), N(1), N(4095), N(4096), N(100000), N((size_t)1 << 40), N(PTRDIFF_MAX), N((size_t)PTRDIFF_MAX + 1),
		N(SIZE_MAX - 4096), N(SIZE_MAX),
	};
	for (size_t i = 0; i < LENGTH(heaps); i++)
		in_child(tell_trim, &heaps[i]);
	for (size_t i = 0; i < LENGTH(pads); i++)
		in_child(tell_pad, &pads[i]);
}

static void tell_info(const char *name, int options, FILE *stream)
{
	printf("malloc_info(%s): ", name);
	errno = CANARY;
	int result = malloc_info(options, stream);
	const char *told = errno_name();
	printf("%d, errno %s, the stream has %s\n", result, told, ferror(stream) ? "an error" : "no error");
}

/* Without a buffer a write's error shows at once. */
static FILE *stream_to(const char *path)
{
	FILE *stream = fopen(path, "w");
	setvbuf(stream, NULL, _IONBF, 0);
	return stream;
}

static void edges_of_info(void)
{
	static const struct number options[] = {N(1), N(-1), N(2), N(INT_MAX), N(INT_MIN)};
	FILE *null = stream_to("/dev/null");
	for (size_t i = 0; i < LENGTH(options); i++)
		tell_info(options[i].name, (int)options[i].value, null);
	tell_info("0, a stream", 0, null);
	tell_info("0, a full device", 0, stream_to("/dev/full"));
	FILE *closed = stream_to("/dev/null");
	close(fileno(closed));
	tell_info("0, a closed descriptor", 0, closed);
	tell_info("0, a stream that is read", 0, fopen("/dev/null", "r"));
}

/* The sums that hold for every heap. */
static void tell_mallinfo(const char *name)
{
	errno = CANARY;
	struct mallinfo2 now = mallinfo2();
	struct mallinfo narrow = mallinfo();
	bool adds_up = now.uordblks + now.fordblks == now.arena && now.keepcost <= now.fordblks &&
		       now.fsmblks <= now.fordblks && (now.hblks == 0) == (now.hblkhd == 0) &&
		       (now.smblks == 0) == (now.fsmblks == 0) && now.usmblks == 0;
	bool is_same = (size_t)narrow.arena == now.arena && (size_t)narrow.uordblks == now.uordblks &&
		       (size_t)narrow.fordblks == now.fordblks && (size_t)narrow.hblkhd == now.hblkhd &&
		       (size_t)narrow.keepcost == now.keepcost;
	printf("mallinfo2, %s: arena %s, in use %s, %zu mapped, %s, mallinfo says %s, errno %s\n", name,
	       now.arena == 0 ? "0" : "> 0", now.uordblks == 0 ? "0" : "> 0", now.hblks, adds_up ? "it adds up" : "WRONG",
	       is_same ? "the same" : "ANOTHER THING", errno_name());
}

static void edges_of_mallinfo(void)
{
	tell_mallinfo("a fresh process");
	blocks[0] = malloc(100);
	tell_mallinfo("one block");
	blocks[1] = malloc(8 * MIB);
	tell_mallinfo("a large one too");
	free(blocks[1]);
	tell_mallinfo("that freed");
}

static void edges_of_stats(void)
{
	int ends[2];
	char text[1000];
	if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
		return;
	errno = CANARY;
	malloc_stats();
	printf("malloc_stats: errno %s\n", errno_name());
	ssize_t length = 0, more;
	close(ends[1]), close(STDERR_FILENO);
	while ((more = read(ends[0], text + length, sizeof(text) - 1 - (size_t)length)) > 0)
		length += more;
	text[length] = '\0';
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		printf("malloc_stats prints \"%.18s\", %zu columns\n", line, strlen(line));
	malloc_stats();
	printf("malloc_stats with stderr closed: returns\n");
}

static void run_group(const void *group) { (*(void (*const *)(void))group)(); }

/* What a setting of the environment did: blocks with a mapping, and what new memory reads as. */
static void tell_setting(void)
{
	const unsigned char *block = malloc(2000);
	int filled = block[500] == block[501] && block[500] == block[1999] ? block[500] : 0;
	printf("%d of 3 blocks mapped, memory reads as %d\n", count_mapped(), filled);
}

int main(int argc, char **argv)
{
	static void (*const groups[])(void) = {
		edges_of_mallinfo, edges_of_malloc, edges_of_products, edges_of_realloc, edges_of_alignment,
		edges_of_mallopt, edges_of_mappings, edges_of_trim, edges_of_info, edges_of_stats,
	};
	static char buffer[BUFSIZ];
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	if (argc > 1 && strcmp(argv[1], "setting") == 0) {
		tell_setting();
		return 0;
	}
	for (size_t i = 0; i < LENGTH(groups); i++)
		in_child(run_group, &groups[i]);
	return 0;
}
