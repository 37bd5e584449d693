/*
 * statistics.h - what the heap holds, counted when asked for: the fast path keeps no counts.
 */
#ifndef LM_CONTROL_STATISTICS_H
#define LM_CONTROL_STATISTICS_H

#include "slab/size_class.h"

struct class_statistics {
	size_t slabs;
	size_t empty_slabs; /* of these */
	size_t live;        /* objects that the program holds */
	size_t cached;      /* in magazines */
	size_t in_depot;    /* of these */
	size_t free;        /* in slabs */
};

struct statistics {
	size_t heap_bytes;       /* in the zones */
	size_t break_bytes;      /* of these, from brk */
	size_t live_bytes;       /* in small objects and runs that the program holds */
	size_t cached_bytes;     /* in magazines */
	size_t free_blocks;      /* of the buddy */
	size_t free_pages_bytes; /* in them */
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
	struct class_statistics class[CLASS_COUNT];
};

/* Exact while no other thread allocates; else each count is right at some moment of the call. */
void statistics_collect(struct statistics *statistics);

/* The same for one class or object cache, of which so many objects stand in threads' magazines. */
void statistics_collect_class(struct class_statistics *statistics, unsigned id, size_t in_threads);

#endif
