/*
 * magazine.h - an array of pointers to free objects of one size class (Bonwick and Adams, USENIX 2001).
 *
 *      [ next | count, class | bottom = NULL | slot 0 | slot 1 | ... ]
 *                              ^ the top of an empty magazine: popping it yields NULL, which is the empty test
 *
 * Owner: the thread cache it is loaded in, or the depot it stands in (depot.lock). While it is loaded, the bin's top
 * pointer tells how many objects it has; else `count` does.
 */
#ifndef LM_SLAB_MAGAZINE_H
#define LM_SLAB_MAGAZINE_H

#include "page/meta.h"
#include "slab/size_class.h"

#include <stdbool.h>

struct magazine {
	struct magazine *next; /* in the depot */
	size_t count;
	void *bottom; /* always NULL */
	void *slot[];
};

static inline size_t magazine_bytes(unsigned size_class)
{
	return sizeof(struct magazine) + size_classes[size_class].magazine_slots * sizeof(void *);
}

/* An empty magazine for a class; NULL when there is no memory. */
static inline struct magazine *magazine_create(unsigned size_class)
{
	struct magazine *magazine = meta_alloc(magazine_bytes(size_class));
	if (magazine != NULL) {
		magazine->count = 0;
		magazine->bottom = NULL;
	}
	return magazine;
}

/*
 * True if the object stands in one of the first `count` slots. The magazine may be one that another thread has loaded:
 * its owner pushes and pops meanwhile, but not this object, which somebody asks about. So it is no mistake to read such
 * a slot without order, and ThreadSanitizer is told so.
 */
__attribute__((no_sanitize("thread"))) static inline bool magazine_holds(const struct magazine *magazine, size_t count,
									  const void *object)
{
	for (size_t i = 0; i < count; i++)
		if (__atomic_load_n(&magazine->slot[i], __ATOMIC_RELAXED) == object)
			return true;
	return false;
}

/* Takes back an empty magazine. */
static inline void magazine_destroy(struct magazine *magazine, unsigned size_class)
{
	meta_free(magazine, magazine_bytes(size_class));
}

#endif
