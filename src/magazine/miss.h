/*
 * miss.h - the misses of the fast path (bins.h), in the order in which they cost more:
 *
 *      malloc: swap the two magazines; a full one from the depot; a batch from the slabs
 *      free:   let the magazine grow; swap; give the full one to the depot; empty it into the slabs
 *
 * The thread that owns the cache calls these, but for bin_strip. For bins of object caches objects_lock is held.
 */
#ifndef LM_MAGAZINE_MISS_H
#define LM_MAGAZINE_MISS_H

#include "magazine/bins.h"

/* Closes a bin: its objects go to the slabs, its magazines to the library's memory, and it is not charged. */
cold void bin_close(struct thread_cache *cache, unsigned size_class);

/* The same for an object cache's bin of another thread: its charge stays until its owner comes by. */
cold void bin_strip(struct thread_cache *cache, unsigned id);

/* Closes all bins of this thread. In a miss of the object cache `for_class` objects_lock is held already. */
cold void bins_close(struct thread_cache *cache, unsigned for_class);

/* The misses: an object, or NULL; takes an object. */
void *bin_refill(struct thread_cache *cache, unsigned size_class);
void bin_overflow(struct thread_cache *cache, unsigned size_class, void *object, const char *function);

/* Notes a double free that the bin's objects show (report_later). Takes no lock. */
cold void bin_verify(const struct thread_cache *cache, unsigned size_class);

#endif
