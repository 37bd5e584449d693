/*
 * trees.c - binary trees built and dropped, as in Ellis' and Boehm's GCBench and in the Computer Language Benchmarks
 * Game: one long-lived tree, and beside it many that live shortly, of all depths, first many small ones, then few
 * large ones. Nodes of 32 bytes are allocated children first and freed children first. One operation is one node.
 *
 *      trees [threads, 1]
 */
#include "../lib/load.h"

enum { LEAST_DEPTH = 4, MOST_DEPTH = 18, DEPTH_STEP = 2, NODES_A_DEPTH = 2000000 };

struct node {
	struct node *left, *right;
	uint64_t tag;
	uint64_t weight; /* the number of nodes below, with this one */
};

static size_t nodes_a_depth;

static struct node *tree_new(int depth)
{
	struct node *left = depth > 0 ? tree_new(depth - 1) : NULL;
	struct node *right = depth > 0 ? tree_new(depth - 1) : NULL;
	struct node *node = load_alloc(sizeof *node);
	*node = (struct node){left, right, load_tag(node, sizeof *node), 1};
	node->weight += left == NULL ? 0 : left->weight + right->weight;
	return node;
}

static size_t tree_free(struct node *node)
{
	size_t nodes = 1;
	if (node->left != NULL)
		nodes += tree_free(node->left) + tree_free(node->right);
	load_check(node->weight == nodes && node->tag == load_tag(node, sizeof *node), "a node changed");
	free(node);
	return nodes;
}

static void *work(void *argument)
{
	size_t nodes = 0;
	(void)argument;
	struct node *long_lived = tree_new(MOST_DEPTH);
	for (int depth = LEAST_DEPTH; depth <= MOST_DEPTH; depth += DEPTH_STEP)
		for (size_t made = 0; made < nodes_a_depth; made += (size_t)2 << depth)
			nodes += tree_free(tree_new(depth));
	nodes += tree_free(long_lived);
	return (void *)nodes;
}

int main(int argc, char **argv)
{
	pthread_t all[LOAD_MAX_THREADS];
	size_t nodes = 0;
	int threads = load_argument(argc, argv, 1, 1);
	load_check(threads <= LOAD_MAX_THREADS, "too many threads");
	nodes_a_depth = load_work(NODES_A_DEPTH) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	for (int i = 0; i < threads; i++)
		all[i] = load_thread(work, NULL);
	for (int i = 0; i < threads; i++) {
		void *count;
		pthread_join(all[i], &count);
		nodes += (size_t)count;
	}
	load_report(begin, (double)nodes);
	return 0;
}
