/* A program to look at with a debugger: a linked list, a recursion, a thread and a string, each at a known line. */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct item {
	int number;
	char name[16];
	struct item *next;
};

static struct item *put_first(struct item *list, int number)
{
	struct item *item = malloc(sizeof *item);
	if (!item)
		abort();
	*item = (struct item){ .number = number, .next = list };
	snprintf(item->name, sizeof item->name, "item %d", number);
	return item;
}

int depth_of(const struct item *list)
{
	if (!list)
		return 0; /* bottom */
	return 1 + depth_of(list->next);
}

char *twice(const char *text)
{
	char *result = malloc(2 * strlen(text) + 1);
	if (!result)
		abort();
	return strcat(strcpy(result, text), text);
}

static void *in_thread(void *list)
{
	int depth = depth_of(list);
	char *text = twice("thread");
	printf("%d %s\n", depth, text); /* in the thread */
	free(text);
	return NULL;
}

int main(void)
{
	struct item *list = NULL;
	int total = 0;
	for (int i = 1; i <= 12; i++)
		list = put_first(list, i * i);
	for (struct item *item = list; item; item = item->next)
		total += item->number; /* watched */
	pthread_t thread;
	if (pthread_create(&thread, NULL, in_thread, list) == 0)
		pthread_join(thread, NULL);
	printf("%d\n", total);
	while (list) {
		struct item *next = list->next;
		free(list);
		list = next;
	}
	return 3;
}
