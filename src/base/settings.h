/*
 * settings.h - the values that mallopt(3), the environment and GLIBC_TUNABLES set, where every layer can read them.
 *
 * This struct is the one place for the values of all layers. Names, ranges and meanings stand in one table,
 * libc/options.c, which writes all but is_behind; libc/start.c writes that one. All are read without a lock, relaxed:
 * each value stands alone (no two belong together), and other threads may see a change a little later.
 */
#ifndef LM_BASE_SETTINGS_H
#define LM_BASE_SETTINGS_H

#include "base/compiler.h"

struct settings {
	_Atomic size_t mmap_threshold; /* bytes; a request of at least this many gets a mapping of its own */
	_Atomic size_t trim_threshold; /* bytes; more free memory than this goes back, at the top and elsewhere */
	_Atomic size_t top_pad;        /* bytes; stays free when the break is lowered, is added when it is raised */
	_Atomic size_t mmap_max;       /* count; at most this many mapped blocks at a time */
	_Atomic size_t perturb;        /* 0, or the byte for freed memory; new memory is filled with its complement */
	_Atomic size_t adaptive_trim;  /* 1: more free memory is kept if the program soon needs it again */
	_Atomic size_t huge_page_threshold; /* bytes; a heap with at least this much in use grows by huge pages */
	_Atomic size_t keep_deepbind;  /* 1: dlopen obeys RTLD_DEEPBIND */
	_Atomic size_t merge_caches;   /* 1: object caches of the same stride and alignment share slabs */
	_Atomic size_t is_behind;      /* 1: bound to another malloc, which may put headers before its blocks */
};

extern struct settings settings LM_HIDDEN;

/* The free bytes that the program or user wants to keep: less goes back neither from the top nor from elsewhere. */
static inline size_t settings_kept_bytes(void)
{
	size_t threshold = load_relaxed(&settings.trim_threshold);
	size_t pad = load_relaxed(&settings.top_pad);
	return threshold > pad ? threshold : pad;
}

/* With at most this many threads that allocate, the library keeps more of the memory that a program needs again. */
enum { FEW_THREADS = 4 };

#endif
