/*
 * compiler.c - a compiler's memory: for each function of the source a syntax tree, a list of instructions and names
 * are built of many small blocks; some passes drop and replace parts; at the function's end nearly all is freed, while
 * the table of names stays to the end of the unit. One operation is one block.
 */
#include "../lib/load.h"

enum { FUNCTIONS = 220, DEPTH = 13, NAMES = 1 << 15, LEAVES = 6, PASSES = 3, UNITS = 3 };

enum kind { KIND_NAME, KIND_CONSTANT, KIND_BINARY, KIND_CALL };

struct tree {
	enum kind kind;
	int parts;
	const char *name;
	int64_t value;
	struct tree *part[];
};

struct instruction {
	struct instruction *next;
	uint64_t tag;
	int code;
	int operands;
	uint32_t operand[];
};

static char *names[NAMES];
static size_t blocks;

static void *block_new(size_t bytes)
{
	blocks++;
	return load_alloc(bytes);
}

/* One copy of each name, kept. */
static const char *intern(uint32_t number)
{
	char **slot = &names[number % NAMES];
	if (*slot == NULL) {
		char text[40];
		int letters = (int)(number >> 28);
		int length = snprintf(text, sizeof text, "symbol_%u_%.*s", number % NAMES, letters, "abcdefghijklmnop");
		*slot = memcpy(block_new((size_t)length + 1), text, (size_t)length + 1);
	}
	return *slot;
}

static struct tree *parse(uint64_t *random, int depth)
{
	uint32_t bits = bench_random(random);
	int parts = depth == 0 || bits % LEAVES == 0 ? 0 : bits % 11 == 0 ? 4 : 2;
	struct tree *tree = block_new(sizeof *tree + (size_t)parts * sizeof tree->part[0]);
	*tree = (struct tree){.parts = parts, .value = bits};
	tree->kind = parts == 0 ? (bits & 64 ? KIND_NAME : KIND_CONSTANT) : parts == 2 ? KIND_BINARY : KIND_CALL;
	tree->name = tree->kind == KIND_NAME ? intern(bench_random(random)) : NULL;
	for (int i = 0; i < parts; i++)
		tree->part[i] = parse(random, depth - 1);
	return tree;
}

static void tree_free(struct tree *tree)
{
	for (int i = 0; i < tree->parts; i++)
		tree_free(tree->part[i]);
	load_check((tree->kind == KIND_NAME) == (tree->name != NULL), "a tree changed");
	free(tree);
}

/* Constants are folded into their parents: two leaves die, one is born. */
static struct tree *fold(struct tree *tree)
{
	for (int i = 0; i < tree->parts; i++)
		tree->part[i] = fold(tree->part[i]);
	if (tree->parts != 2 || tree->part[0]->kind != KIND_CONSTANT || tree->part[1]->kind != KIND_CONSTANT)
		return tree;
	struct tree *folded = block_new(sizeof *folded);
	*folded = (struct tree){.kind = KIND_CONSTANT, .value = tree->part[0]->value ^ tree->part[1]->value};
	tree_free(tree);
	return folded;
}

static void lower(const struct tree *tree, struct instruction ***end)
{
	for (int i = 0; i < tree->parts; i++)
		lower(tree->part[i], end);
	struct instruction *one = block_new(sizeof *one + (size_t)(tree->parts + 1) * sizeof one->operand[0]);
	*one = (struct instruction){.code = (int)tree->kind, .operands = tree->parts + 1, .tag = load_tag(one, 0)};
	one->operand[tree->parts] = (uint32_t)tree->value;
	**end = one;
	*end = &one->next;
}

/* Every third instruction is rewritten with one operand more. */
static void optimise(struct instruction **place)
{
	for (size_t i = 0; *place != NULL; place = &(*place)->next) {
		struct instruction *old = *place;
		load_check(old->tag == load_tag(old, 0), "an instruction changed");
		if (i++ % 3 != 0)
			continue;
		size_t bytes = sizeof *old + (size_t)old->operands * sizeof old->operand[0];
		struct instruction *rewritten = block_new(bytes + sizeof old->operand[0]);
		memcpy(rewritten, old, bytes);
		rewritten->operand[rewritten->operands++] = 0;
		rewritten->tag = load_tag(rewritten, 0);
		*place = rewritten;
		free(old);
	}
}

static void instructions_free(struct instruction *one)
{
	while (one != NULL) {
		struct instruction *next = one->next;
		load_check(one->tag == load_tag(one, 0), "an instruction changed");
		free(one);
		one = next;
	}
}

static void compile_function(uint64_t *random)
{
	struct instruction *code = NULL, **end = &code;
	struct tree *tree = fold(parse(random, DEPTH));
	lower(tree, &end);
	for (int pass = 0; pass < PASSES; pass++)
		optimise(&code);
	tree_free(tree);
	instructions_free(code);
}

static void names_free(void)
{
	for (int i = 0; i < NAMES; i++) {
		load_check(names[i] == NULL || strncmp(names[i], "symbol_", 7) == 0, "a name changed");
		free(names[i]);
		names[i] = NULL;
	}
}

int main(void)
{
	size_t functions = load_work(FUNCTIONS);
	uint64_t begin = bench_now_ns(), random = load_seed(0);
	for (int unit = 0; unit < UNITS; unit++) {
		for (size_t i = 0; i < functions; i++)
			compile_function(&random);
		names_free();
	}
	load_report(begin, (double)blocks);
	return 0;
}
