/* deepbind.h - what the plugin of deepbind.c offers. */
#ifndef DEEPBIND_H
#define DEEPBIND_H
#include <stddef.h>

struct plugin {
	void (*free)(void *);
	void *(*malloc)(size_t);
	void *(*realloc)(void *, size_t);
	size_t (*usable_size)(void *);
	char *(*strdup)(const char *);
	char *(*getline)(void);
	void (*inside)(void); /* makes and frees memory without leaving the plugin */
	const char *(*colour)(void);
};

const char *colour(void); /* defined by main and by the plugin */

#endif
