/*
 * magazine.h - an array of pointers to free objects of one size class (Bonwick and Adams, USENIX 2001).
 *
 *      0      8       16              24       32
 *      [ next | count | bottom = NULL | slot 0 | slot 1 | ... ]        8 bytes each
 *                       ^ the top of an empty magazine: popping it yields NULL, which is the empty test
 *
 * Owner: the thread cache it is loaded in, or the depot it stands in (depot.lock). While it is loaded, the bin's top
 * tells how many objects it has; else `count` does. Invariant: count <= the class's magazine_slots; bottom = NULL.
 * The owner writes slots plainly; another thread reads them in magazine_holds only.
 */
#ifndef LM_MAGAZINE_MAGAZINE_H
#define LM_MAGAZINE_MAGAZINE_H

#include "page/meta.h"
#include "slab/size_class.h"

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
 * True if the object stands in one of the first `count` slots. Another thread may have the magazine loaded, and push or
 * pop other objects meanwhile: slots are read without order, and ThreadSanitizer is told so. The caller holds what
 * keeps the magazine alive: objects_lock of its thread, or depot.lock.
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
