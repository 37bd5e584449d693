/*
 * settings.h - the values that mallopt(3), the environment and GLIBC_TUNABLES set, where every layer can read them.
 *
 * Names, ranges and meanings stand in one table, control/options.c, which writes all but is_behind; that is written by
 * control/start.c. All are read without a lock (relaxed: each value stands alone, and a change shows up a little later
 * on other threads).
 */
#ifndef LM_BASE_SETTINGS_H
#define LM_BASE_SETTINGS_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stddef.h>

struct settings {
	_Atomic size_t mmap_threshold; /* bytes; a request of at least this many gets a mapping of its own */
	_Atomic size_t trim_threshold; /* bytes; the break is lowered when more than this is free at the top */
	_Atomic size_t top_pad;        /* bytes; kept at the top when the break is lowered, added when it is raised */
	_Atomic size_t mmap_max;       /* count; at most this many mapped blocks at a time */
	_Atomic size_t perturb;        /* 0, or a byte: new memory is filled with its complement, freed with it */
	_Atomic size_t adaptive_trim;  /* 1: trim and purge loosen when memory is soon bought back */
	_Atomic size_t huge_page_threshold; /* bytes; a heap of at least so much in use grows by huge pages */
	_Atomic size_t keep_deepbind;  /* 1: dlopen leaves RTLD_DEEPBIND alone */
	_Atomic size_t merge_caches;   /* 1: object caches of one shape share their slabs */
	_Atomic size_t is_behind;      /* 1: bound to another malloc, which may put headers before its blocks */
};

extern struct settings settings LM_HIDDEN;

static inline size_t setting(const _Atomic size_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

/* Up to so many threads, more memory may be kept for what a program has shown to need again and again. */
enum { FEW_THREADS = 4 };

#endif
