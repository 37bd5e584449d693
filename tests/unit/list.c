/*
 * list.c - base/list.h against an array that holds the same order.
 */
#include "unit.h"

#include "base/list.h"

#include <string.h>

enum { NODES = 20 };

struct item {
	int padding;
	struct list_node node;
};

static struct item items[NODES];
static struct list list;
static struct item *model[NODES];
static size_t length;

static bool model_has(const struct item *item)
{
	for (size_t i = 0; i < length; i++)
		if (model[i] == item)
			return true;
	return false;
}

static void model_remove(const struct item *item)
{
	size_t at = 0;
	while (model[at] != item)
		at++;
	memmove(&model[at], &model[at + 1], (length - at - 1) * sizeof(model[0]));
	length--;
}

static void compare(void)
{
	size_t at = 0;
	for (struct list_node *node = list.first; node != NULL; node = node->next)
		check(at < length && list_entry(node, struct item, node) == model[at++]);
	check(at == length);
	for (struct list_node *node = list.last; node != NULL; node = node->previous)
		check(at > 0 && list_entry(node, struct item, node) == model[--at]);
	check(at == 0);
	check(list_is_empty(&list) == (length == 0));
}

static void step(struct random *random)
{
	struct item *item = &items[random_below(random, NODES)];
	if (model_has(item)) {
		list_remove(&list, &item->node);
		model_remove(item);
	} else if (random_one_in(random, 2)) {
		list_push_front(&list, &item->node);
		memmove(&model[1], &model[0], length++ * sizeof(model[0]));
		model[0] = item;
	} else {
		list_push_back(&list, &item->node);
		model[length++] = item;
	}
}

static void order_matches_an_array(void **state)
{
	(void)state;
	struct random random = random_start(1);
	compare();
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		step(&random);
		compare();
	}
}

UNIT_MAIN(UNIT(order_matches_an_array))
