/*
 * bodies.h - the files of bench/micro that have bodies, each with a function that registers its tests, and what the
 * bodies share. Names are "what/argument".
 */
#ifndef BODIES_H
#define BODIES_H

#include "../lib/load.h"
#include "shim.h"

#include <sys/mman.h>

void register_pairs(void);
void register_batches(void);
void register_replacement(void);
void register_growth(void);
void register_blocks(void);
void register_threads(void);
void register_counters(void);
void register_processes(void);
void register_operators(void);
void register_caches(void);

/* Memory for a body's own tables, written: no call of the allocator under test, no page fault later. */
static inline void *table_new(size_t bytes)
{
	void *table = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	load_check(table != MAP_FAILED, "out of memory");
	return table;
}

/* malloc, and the first byte written as a program would. */
static inline void *touched_alloc(size_t bytes)
{
	char *block = load_alloc(bytes);
	*(volatile char *)block = 1;
	return block;
}

#endif
