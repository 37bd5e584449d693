/*
 * minimise.c - a two-level logic minimiser after the method of "espresso" (Brayton et al. 1984): expand, irredundant,
 * with tautology by Shannon's expansion. Each cover is an array that grows by realloc, each cube a small array; the
 * cofactors of the recursion live as long as their call. One operation is one cube made.
 */
#include "../lib/load.h"

enum { VARIABLES = 18, CUBES = 60, LITERALS = 7, FUNCTIONS = 96, CHECKS = 2000, ABSENT = 2 };

/* A set of cubes (product terms), each an array that tells of each variable 0, 1 or ABSENT: an object of its own. */
struct cover {
	unsigned char **cubes;
	int count;
	int capacity;
};

static size_t cubes_made;

static unsigned char *cube_copy(const unsigned char *from)
{
	cubes_made++;
	return memcpy(load_alloc(VARIABLES), from, VARIABLES);
}

static void cover_add(struct cover *cover, unsigned char *cube)
{
	if (cover->count == cover->capacity) {
		cover->capacity = cover->capacity == 0 ? 2 : cover->capacity + cover->capacity / 2;
		cover->cubes = realloc(cover->cubes, (size_t)cover->capacity * sizeof *cover->cubes);
		load_check(cover->cubes != NULL, "out of memory");
	}
	cover->cubes[cover->count++] = cube;
}

static void cover_free(struct cover *cover)
{
	for (int i = 0; i < cover->count; i++)
		free(cover->cubes[i]);
	free(cover->cubes);
}

static struct cover cover_copy(const struct cover *from)
{
	struct cover copy = {0};
	for (int i = 0; i < from->count; i++)
		cover_add(&copy, cube_copy(from->cubes[i]));
	return copy;
}

/* What is left of the cover where `variable` is `value`. */
static struct cover cofactor(const struct cover *cover, int variable, int value)
{
	struct cover result = {0};
	for (int i = 0; i < cover->count; i++) {
		if (cover->cubes[i][variable] == !value)
			continue;
		unsigned char *copy = cube_copy(cover->cubes[i]);
		copy[variable] = ABSENT;
		cover_add(&result, copy);
	}
	return result;
}

/* The variable in which most cubes differ, -1 if some cube is the constant 1, -2 if there is no cube. */
static int splitting_variable(const struct cover *cover)
{
	int uses[VARIABLES] = {0}, best = 0;
	for (int i = 0; i < cover->count; i++) {
		int literals = 0;
		for (int v = 0; v < VARIABLES; v++) {
			literals += cover->cubes[i][v] != ABSENT;
			uses[v] += cover->cubes[i][v] != ABSENT;
		}
		if (literals == 0)
			return -1;
	}
	for (int v = 1; v < VARIABLES; v++)
		if (uses[v] > uses[best])
			best = v;
	return cover->count == 0 ? -2 : best;
}

static bool is_tautology(const struct cover *cover)
{
	int variable = splitting_variable(cover);
	bool all = variable == -1;
	for (int value = 0; variable >= 0 && value < 2; value++) {
		struct cover part = cofactor(cover, variable, value);
		all = is_tautology(&part);
		cover_free(&part);
		if (!all)
			break;
	}
	return all;
}

/* Whether the cover, without its cube `without` (-1: with all), holds wherever `cube` does. */
static bool covers(const struct cover *cover, const unsigned char *cube, int without)
{
	struct cover rest = {0};
	for (int i = 0; i < cover->count; i++) {
		bool apart = i == without;
		for (int v = 0; v < VARIABLES; v++)
			apart |= cube[v] != ABSENT && cover->cubes[i][v] == !cube[v];
		if (apart)
			continue;
		unsigned char *copy = cube_copy(cover->cubes[i]);
		for (int v = 0; v < VARIABLES; v++)
			if (cube[v] != ABSENT)
				copy[v] = ABSENT;
		cover_add(&rest, copy);
	}
	bool all = is_tautology(&rest);
	cover_free(&rest);
	return all;
}

/* Literals are dropped while the cube stays inside the function. */
static void expand(struct cover *cover)
{
	for (int i = 0; i < cover->count; i++) {
		for (int v = 0; v < VARIABLES; v++) {
			unsigned char literal = cover->cubes[i][v];
			if (literal == ABSENT)
				continue;
			unsigned char *wider = cube_copy(cover->cubes[i]);
			wider[v] = !literal;
			if (covers(cover, wider, -1)) {
				wider[v] = ABSENT;
				free(cover->cubes[i]);
				cover->cubes[i] = wider;
			} else {
				free(wider);
			}
		}
	}
}

static void irredundant(struct cover *cover)
{
	for (int i = cover->count - 1; i >= 0; i--)
		if (covers(cover, cover->cubes[i], i)) {
			free(cover->cubes[i]);
			cover->cubes[i] = cover->cubes[--cover->count];
		}
}

static bool holds_at(const struct cover *cover, const unsigned char *point)
{
	for (int i = 0; i < cover->count; i++) {
		bool inside = true;
		for (int v = 0; v < VARIABLES; v++)
			inside &= cover->cubes[i][v] == ABSENT || cover->cubes[i][v] == point[v];
		if (inside)
			return true;
	}
	return false;
}

static void verify(const struct cover *a, const struct cover *b, uint64_t *random)
{
	for (int check = 0; check < CHECKS; check++) {
		unsigned char point[VARIABLES];
		uint32_t bits = bench_random(random);
		for (int v = 0; v < VARIABLES; v++)
			point[v] = bits >> v & 1;
		load_check(holds_at(a, point) == holds_at(b, point), "the minimised cover is another function");
	}
}

static struct cover random_cover(uint64_t *random)
{
	struct cover cover = {0};
	for (int i = 0; i < CUBES; i++) {
		unsigned char cube[VARIABLES];
		memset(cube, ABSENT, sizeof cube);
		for (int k = 0; k < LITERALS; k++)
			cube[load_below(random, VARIABLES)] = bench_random(random) & 1;
		cover_add(&cover, cube_copy(cube));
	}
	return cover;
}

int main(void)
{
	uint64_t random = load_seed(0);
	size_t functions = load_work(FUNCTIONS);
	uint64_t begin = bench_now_ns();
	for (size_t i = 0; i < functions; i++) {
		struct cover given = random_cover(&random);
		struct cover minimised = cover_copy(&given);
		expand(&minimised);
		irredundant(&minimised);
		verify(&given, &minimised, &random);
		cover_free(&given);
		cover_free(&minimised);
	}
	load_report(begin, (double)cubes_made);
	return 0;
}
