/*
 * statistics.h - what the heap holds, counted when asked for: the fast path keeps no counts.
 *
 * The heap is the sum of four parts:
 *
 *      heap_bytes = live_bytes + cached_bytes + free_bytes + waste_bytes
 *
 *      live     slabs' objects and runs that the program holds
 *      cached   free objects in magazines
 *      free     free objects in slabs, and free pages
 *      waste    what slabs leave over at their ends, and pages that another thread is just moving, or was at when this
 *               process was forked off
 *
 * Invariant (statistics_check): the equation holds, no part falls below zero, and a number of blocks is 0 exactly where
 * their bytes are 0. That is so whatever other threads do meanwhile. The parts are read one after the other, each class
 * and each zone under its lock, and only statistics_collect subtracts them: no count is ever taken from one that was
 * read at another moment without being limited to it. So who prints them prints fields, and subtracts nothing.
 */
#ifndef LM_CONTROL_STATISTICS_H
#define LM_CONTROL_STATISTICS_H

#include "slab/size_class.h"

/* live + cached + free = slabs * the objects of a slab. */
struct class_statistics {
	size_t slabs;
	size_t empty_slabs; /* of these */
	size_t live;        /* objects that the program holds */
	size_t cached;      /* in magazines */
	size_t in_depot;    /* of these */
	size_t free;        /* in slabs */
};

struct amount {
	size_t count;
	size_t bytes;
};

/* The sums over all object caches. */
struct object_statistics {
	size_t slabs;
	struct amount live;
	struct amount cached;
	struct amount free; /* in slabs */
};

struct statistics {
	size_t heap_bytes;       /* in the zones */
	size_t heap_bytes_most;  /* the most there were in each zone */
	size_t break_bytes;      /* of heap_bytes, from brk */
	size_t live_bytes;       /* in small objects and runs that the program holds */
	size_t cached_bytes;     /* in magazines */
	size_t free_bytes;       /* in slabs and in the buddy */
	size_t waste_bytes;
	size_t cached_objects;   /* in magazines */
	size_t free_objects;     /* in slabs */
	size_t free_blocks;      /* of the buddy */
	size_t free_pages_bytes; /* in them */
	size_t waste_ends;       /* slabs with a rest at their end, and pages that are just being moved */
	size_t dirty_bytes;      /* free, but with frames: in the buddy and in slabs */
	size_t top_bytes;        /* free at the top */
	size_t run_bytes;
	size_t mapped_blocks;
	size_t mapped_bytes;
	size_t mapped_blocks_most;
	size_t mapped_bytes_most;
	size_t store_bytes;
	size_t metadata_bytes;
	size_t threads;
	struct object_statistics objects;
	struct class_statistics class[CLASS_COUNT];
};

/* Exact while no other thread allocates; else each count is right at some moment of the call. */
void statistics_collect(struct statistics *statistics);

/* The same for one class or object cache, of which so many objects stand in threads' magazines. */
void statistics_collect_class(struct class_statistics *statistics, unsigned id, size_t in_threads);

/* Tests the invariant; reports an internal error. */
void statistics_check(const struct statistics *statistics);

#endif
