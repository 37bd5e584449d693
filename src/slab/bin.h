/*
 * bin.h - one size class or object cache of a thread: its two magazines, how they grow, and what they may hold.
 *
 * What changes the bins of object caches holds the thread's objects_lock (object_bin.h).
 */
#ifndef LM_SLAB_BIN_H
#define LM_SLAB_BIN_H

#include "slab/thread_cache.h"

/* All objects of a bin to the slabs, both magazines back to the library's memory, nothing charged. */
void bin_close(struct thread_cache *cache, unsigned size_class);

/* The same for a bin of another thread, an object cache's: what it is charged for stays until its owner comes by. */
void bin_strip(struct thread_cache *cache, unsigned id);

/* The misses: an object, or NULL; takes an object. */
void *bin_refill(struct thread_cache *cache, unsigned size_class);
void bin_overflow(struct thread_cache *cache, unsigned size_class, void *object, const char *function);

/* The objects in both magazines; of another thread's bin roughly, as they come and go. */
size_t bin_objects(const struct thread_cache *cache, unsigned size_class);

/* Reports a double free that the bin's objects show. Changes nothing and takes no lock. */
void bin_verify(const struct thread_cache *cache, unsigned size_class);

/* In the child of fork: no cache but this one (or none) is charged for any more. */
void bin_charge_only(const struct thread_cache *cache);

void bin_check(const struct thread_cache *cache, unsigned size_class);

#endif
