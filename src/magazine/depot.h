/*
 * depot.h - a class's full magazines, which threads exchange whole: one short lock for a hundred objects.
 *
 * For threads that free what others allocate. A thread's own objects go to the slabs, whose bitmaps hand them out again
 * in the order of their addresses, but for a few magazines that fit the CPU's caches. A depot above 64 KiB takes a
 * magazine only if it has a credit. A credit arises when a thread takes a magazine, or finds none while another thread
 * has one to give.
 *
 * Bounded: all depots together keep an eighth of the heap, or 8 MiB.
 *
 * Invariant (depot_check): nfull = the magazines in `full`; objects = the sum of their counts; nfull_min <= nfull.
 * Over all depots (depots_check): depot_bytes = the sum of objects * the bytes of one.
 */
#ifndef LM_MAGAZINE_DEPOT_H
#define LM_MAGAZINE_DEPOT_H

#include "magazine/magazine.h"
#include "os/lock.h"

struct thread_cache;

/*
 * `lock` (RANK_DEPOT) guards all of it. The atomic fields are read without it too, as hints, relaxed; and depot_wants
 * writes `giver` without it: the last of several threads stays.
 */
struct depot {
	struct lock lock;
	_Atomic uint32_t nfull;
	uint32_t nfull_min; /* minimum of nfull since `operations` was last 0: so many were not needed */
	uint32_t operations;
	_Atomic uint32_t credits; /* magazines that may come in */
	const struct thread_cache *_Atomic giver; /* the thread that last had one to give. Only compared */
	struct magazine *full;
	_Atomic size_t objects; /* in the full magazines */
} cache_line_aligned;

extern struct depot depots[ID_COUNT] LM_HIDDEN;

static inline size_t depot_objects(unsigned id) { return load_relaxed(&depots[id].objects); }

/* A full magazine for the thread `self`; NULL: there is none. */
struct magazine *depot_pop(unsigned size_class, const struct thread_cache *self);

/*
 * depot_wants: true if a full magazine of the thread `self`, of objects that others or itself allocated, would be taken
 * in. depot_push takes it in.
 */
enum depot_origin { DEPOT_OF_OTHERS, DEPOT_OWN };
cold bool depot_wants(unsigned size_class, const struct thread_cache *self, enum depot_origin origin);
void depot_push(unsigned size_class, struct magazine *full);

/* Takes a magazine that the depot has not needed for a while; NULL when there is none. */
cold struct magazine *depot_pop_surplus(unsigned size_class);

/* Gives a magazine's objects to the slabs, and the magazine back. `function` freed them: for reports. */
void depot_discard(unsigned size_class, struct magazine *magazine, const char *function);

/* True if the object stands in one of the depot's magazines. */
cold bool depot_holds(unsigned size_class, const void *object);

/* Bytes of objects in all depots. */
size_t depot_bytes(void);

/* Empties depots into the slabs: of one class, of all of malloc's, of all object caches (purge_lock is held). */
cold void depot_drain(unsigned size_class);
cold void depot_drain_all(void);
cold void depot_drain_objects(void);

/* For an id whose object cache has ended: the next one begins without credits. */
cold void depot_reset(unsigned id);

/* Test the invariants; report an internal error. */
cold void depot_check(unsigned id);
cold void depots_check(void);

#endif
