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
 *      waste    what slabs leave over at their ends, and pages that another thread is moving, or was moving when this
 *               process was forked
 *
 * Invariant (statistics_check): the equation holds, no part falls below zero, and a number of blocks is 0 exactly if
 * their bytes are 0. Other threads cannot break it. The parts are read one after the other, each class and each zone
 * under its lock. Two counts of different moments are subtracted in statistics.c only, which first limits the smaller
 * one to the larger one. So whoever prints them prints fields and subtracts nothing.
 *
 * Owner: the caller. No lock.
 */
#ifndef LM_PROC_STATISTICS_H
#define LM_PROC_STATISTICS_H

#include "large/large_cache.h"
#include "page/zone.h"
#include "slab/size_class.h"

/* In objects. live + cached + free = slabs * the objects of a slab; empty_slabs <= slabs, in_depot <= cached. */
struct class_statistics {
	size_t slabs;
	size_t empty_slabs; /* of these */
	size_t live;        /* that the program holds */
	size_t cached;      /* in magazines */
	size_t in_depot;    /* of these */
	size_t free;        /* in slabs */
};

/* In pages. managed = free + isolated + used, free = the sum over blocks[k] << k. */
struct zone_statistics {
	size_t blocks[BUDDY_ORDERS]; /* free ones of each order */
	size_t free;
	size_t dirty;    /* of the free ones */
	size_t isolated; /* being given back to the system at this moment */
	size_t used;
	size_t managed;
	size_t managed_most;
	size_t top;      /* free at the end of the zone's range */
	uintptr_t first; /* page number; 0: the zone is not one range */
};

struct statistics {
	size_t heap_bytes;       /* in the zones */
	size_t heap_bytes_most;  /* the sum of the most that each zone had */
	size_t break_bytes;      /* of heap_bytes, from brk */
	size_t live_bytes;       /* in small objects and runs that the program holds */
	size_t cached_bytes;     /* in magazines */
	size_t free_bytes;       /* in slabs and in the buddy */
	size_t waste_bytes;
	size_t cached_objects;   /* in magazines */
	size_t free_objects;     /* in slabs */
	size_t free_blocks;      /* of the buddy */
	size_t free_pages_bytes; /* in them */
	size_t waste_ends;       /* slabs with a rest at their end, and pages that are being moved */
	size_t dirty_bytes;      /* free, but with frames: in the buddy and in slabs */
	size_t top_bytes;        /* free at the top */
	size_t slab_bytes;
	size_t run_bytes;
	size_t metadata_bytes;
	struct large_cache_counts mapped; /* the blocks with a mapping of their own */
	struct class_statistics objects; /* sums over all object caches; without empty_slabs and in_depot */
	size_t objects_idle_bytes;       /* of their cached and free objects */
	struct class_statistics class[CLASS_COUNT];
};

/* Exact while no other thread allocates; else each count is right at some moment of the call. */
cold void statistics_collect(struct statistics *statistics);

/* One class or object cache, of which `in_threads` objects stand in threads' magazines. */
cold struct class_statistics statistics_of_class(unsigned id, size_t in_threads);

/* One zone, at one moment: takes zone.lock. */
cold struct zone_statistics statistics_of_zone(enum zone_id id);

/* Tests the invariant; reports an internal error. Debug builds only. */
void statistics_check(const struct statistics *statistics);

#endif
