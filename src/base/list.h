/*
 * list.h - a doubly linked list whose empty head is all zeros, so that static lists need no start-up code.
 *
 *      head.first -> node <-> node <-> node <- head.last
 *
 * The node stands inside the structure that is listed; list_entry() gets back to it. Not locked: the owner of the head
 * says what guards it. Invariant: node->next->previous = node; first and last are both NULL or neither is.
 */
#ifndef LM_BASE_LIST_H
#define LM_BASE_LIST_H

#include "base/compiler.h"

struct list_node {
	struct list_node *next;
	struct list_node *previous;
};

struct list {
	struct list_node *first;
	struct list_node *last;
};

#define list_entry(node, type, member) ((type *)(void *)((char *)(node) - offsetof(type, member)))

static inline bool list_is_empty(const struct list *list) { return list->first == NULL; }

static inline void list_push_front(struct list *list, struct list_node *node)
{
	node->previous = NULL;
	node->next = list->first;
	if (list->first != NULL)
		list->first->previous = node;
	else
		list->last = node;
	list->first = node;
}

static inline void list_push_back(struct list *list, struct list_node *node)
{
	node->next = NULL;
	node->previous = list->last;
	if (list->last != NULL)
		list->last->next = node;
	else
		list->first = node;
	list->last = node;
}

static inline void list_remove(struct list *list, struct list_node *node)
{
	if (node->previous != NULL)
		node->previous->next = node->next;
	else
		list->first = node->next;
	if (node->next != NULL)
		node->next->previous = node->previous;
	else
		list->last = node->previous;
}

#endif
