// Does to the heap what its arguments say, so that strace shows which system calls each step makes.
//
//   heap STEP...
//     @LABEL             mark: what follows belongs to LABEL (at most 15 characters)
//     alloc COUNT SIZE   COUNT objects more
//     free lifo|fifo     all objects, from the last or from the first
//     one SIZE           one object more, to be freed by free-one
//     free-one
//     grow SIZE          realloc the one object
//     mallopt PARAM VALUE
//     trim PAD
// alloc, one and grow print the address of the last object, and "below" if all that they got lies below the break,
// "above" if all lies above it, else "mixed".
// The arrays are static and output goes through write: nothing but the steps allocates.

#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { OBJECTS_MAX = 200000 };

static char *objects[OBJECTS_MAX];
static int count;
static char *one;

static void fail(const char *what)
{
	dprintf(STDERR_FILENO, "heap: %s\n", what);
	_exit(1);
}

static void tell_place(const char *last, int below, int total)
{
	dprintf(STDOUT_FILENO, "%p %s\n", (const void *)last, below == total ? "below" : below == 0 ? "above" : "mixed");
}

static int is_below_break(const char *start)
{
	return (uintptr_t)start < (uintptr_t)sbrk(0);
}

static void step_alloc(int number, size_t size)
{
	int below = 0;

	for (int i = 0; i < number; i++) {
		char *start = malloc(size);

		if (start == NULL || count == OBJECTS_MAX)
			fail("alloc");
		memset(start, 1, size);
		objects[count++] = start;
		below += is_below_break(start);
	}
	tell_place(count > 0 ? objects[count - 1] : NULL, below, number);
}

static void step_free(const char *order)
{
	for (int i = 0; i < count; i++)
		free(objects[strcmp(order, "lifo") == 0 ? count - 1 - i : i]);
	count = 0;
}

static void step_one(size_t size)
{
	one = realloc(one, size);
	if (one == NULL)
		fail("one");
	memset(one, 1, size);
	tell_place(one, is_below_break(one), 1);
}

static size_t number(const char *text)
{
	return (size_t)strtoll(text, NULL, 0);
}

// Runs the step at argv[0] and returns how many arguments it took.
static int run_step(char **argv)
{
	if (argv[0][0] == '@')
		return prctl(PR_SET_NAME, argv[0] + 1) == 0;
	if (strcmp(argv[0], "alloc") == 0)
		return step_alloc((int)number(argv[1]), number(argv[2])), 3;
	if (strcmp(argv[0], "free") == 0)
		return step_free(argv[1]), 2;
	if (strcmp(argv[0], "one") == 0 || strcmp(argv[0], "grow") == 0)
		return step_one(number(argv[1])), 2;
	if (strcmp(argv[0], "free-one") == 0)
		return free(one), one = NULL, 1;
	if (strcmp(argv[0], "mallopt") == 0 && mallopt((int)number(argv[1]), (int)number(argv[2])) == 1)
		return 3;
	if (strcmp(argv[0], "trim") == 0)
		return malloc_trim(number(argv[1])), 2;
	fail(argv[0]);
	return 1;
}

int main(int argc, char **argv)
{
	prctl(PR_SET_NAME, "main");
	for (int i = 1; i < argc;)
		i += run_step(argv + i);
	prctl(PR_SET_NAME, "end");
	return 0;
}
