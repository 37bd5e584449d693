/*
 * ordered.c - an ordered map under churn, as std::map or an index has it: a search tree whose nodes are blocks of
 * three sizes. It is a treap (Aragon and Seidel, "Randomized search trees", 1989): keys in order, priorities as in a
 * heap, so that it stays balanced without rotations being stored. Random keys are looked up; one that is found is
 * removed, one that is not is inserted: the map stays half full. One operation is one look-up with its malloc or free.
 *
 *      ordered [threads, 1]
 */
#include "../lib/load.h"

#include <stddef.h>

enum { KEYS = 20000, CHANGES = 4000000 };

struct node {
	struct node *left, *right;
	uint32_t key, priority;
	uint32_t bytes;
	uint32_t payload[];
};

static size_t changes, keys;

static struct node *node_new(uint32_t key, uint32_t priority)
{
	size_t payload = 1 + (size_t)priority % 3 * 6;
	size_t bytes = offsetof(struct node, payload) + payload * sizeof(uint32_t);
	struct node *node = load_alloc(bytes);
	node->left = node->right = NULL;
	node->key = key;
	node->priority = priority;
	node->bytes = (uint32_t)bytes;
	node->payload[payload - 1] = ~key;
	return node;
}

static void node_free(struct node *node)
{
	size_t payload = (node->bytes - offsetof(struct node, payload)) / sizeof(uint32_t);
	load_check(payload == 1 + node->priority % 3 * 6 && node->payload[payload - 1] == ~node->key, "a node changed");
	free(node);
}

/* Cuts a tree into the keys below `key` and those above it. */
static void split(struct node *tree, uint32_t key, struct node **below, struct node **above)
{
	while (tree != NULL) {
		if (tree->key < key) {
			*below = tree;
			below = &tree->right;
			tree = tree->right;
		} else {
			*above = tree;
			above = &tree->left;
			tree = tree->left;
		}
	}
	*below = *above = NULL;
}

/* Joins two trees, all of whose keys are in order, at *place. */
static void merge(struct node **place, struct node *below, struct node *above)
{
	while (below != NULL && above != NULL) {
		if (below->priority > above->priority) {
			*place = below;
			place = &below->right;
			below = below->right;
		} else {
			*place = above;
			place = &above->left;
			above = above->left;
		}
	}
	*place = below != NULL ? below : above;
}

/* Where the key is, or where it would be by its order alone. */
static struct node **find(struct node **place, uint32_t key)
{
	while (*place != NULL && (*place)->key != key)
		place = key < (*place)->key ? &(*place)->left : &(*place)->right;
	return place;
}

static void insert(struct node **place, struct node *node)
{
	while (*place != NULL && (*place)->priority >= node->priority)
		place = node->key < (*place)->key ? &(*place)->left : &(*place)->right;
	split(*place, node->key, &node->left, &node->right);
	*place = node;
}

static void change(struct node **root, uint64_t *random)
{
	uint32_t key = (uint32_t)load_below(random, keys);
	struct node **place = find(root, key);
	struct node *node = *place;
	if (node == NULL) {
		insert(root, node_new(key, bench_random(random)));
		return;
	}
	merge(place, node->left, node->right);
	node_free(node);
}

static void tree_free(struct node *tree)
{
	if (tree == NULL)
		return;
	tree_free(tree->left);
	tree_free(tree->right);
	node_free(tree);
}

static void *work(void *argument)
{
	uint64_t random = load_seed((int)(intptr_t)argument);
	struct node *root = NULL;
	for (size_t i = 0; i < changes; i++)
		change(&root, &random);
	tree_free(root);
	return NULL;
}

int main(int argc, char **argv)
{
	int threads = load_argument(argc, argv, 1, 1);
	changes = load_work(CHANGES) / (size_t)threads;
	keys = load_work(KEYS) / (size_t)threads;
	uint64_t begin = bench_now_ns();
	load_threads(threads, work);
	load_report(begin, (double)changes * threads);
	return 0;
}
