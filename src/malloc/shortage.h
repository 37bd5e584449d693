/*
 * shortage.h - what is tried before malloc says ENOMEM.
 */
#ifndef LM_MALLOC_SHORTAGE_H
#define LM_MALLOC_SHORTAGE_H

#include "large/large.h"

#include <stddef.h>

/* A request as the layers below need it. */
struct request {
	size_t bytes;
	size_t alignment;    /* 0 or 16: none beyond malloc's */
	unsigned size_class; /* 0: not a small object */
	enum large_content content;
};

/*
 * Gives back all that is idle and tries again; then serves a small request from a free object of a larger class, so
 * that memory which exists is used. NULL when there is none.
 */
void *shortage_retry(const struct request *request, void *(*try_alloc)(const struct request *));

#endif
