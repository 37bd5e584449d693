/*
 * report.h - what the library says on standard error: one line, no stdio, no allocation; then the process stops.
 *
 *      libmalloc: <kind>: <address> (<function>)
 *
 * Each kind is one fixed text, which a program in tests/misuse/ matches word for word.
 */
#ifndef LM_BASE_REPORT_H
#define LM_BASE_REPORT_H

#include "base/compiler.h"

#define REPORT_DOUBLE_FREE "double free"
#define REPORT_INTERIOR "interior pointer"
#define REPORT_MISALIGNED "misaligned pointer"
#define REPORT_NEVER_ALLOCATED "pointer never allocated"
#define REPORT_STACK "pointer into the stack"
#define REPORT_OTHER_CACHE "not an object of this cache"
#define REPORT_RED_ZONE "red zone overwritten"
#define REPORT_WRITTEN_FREE "freed object written to"

/* An argument that no call can serve: EINVAL. The subject says which, what is right, and the function. */
#define REPORT_BAD_ARGUMENT "bad argument"
#define REPORT_BAD_FLAGS "bad flags"

/* What was asked for is not to be had, and the call was not told to be silent about it. */
#define REPORT_OUT_OF_MEMORY "out of memory"
#define REPORT_TOO_MANY_CACHES "too many caches"

/* Of the systems beyond libc's. */
#define REPORT_NOT_OF_POOL "not of this pool"
#define REPORT_NOT_OF_REGION "mark not valid for this region"
#define REPORT_NOT_PAGES "not from lm_pages_alloc"
#define REPORT_WRONG_PAGES "another number of pages than allocated"
#define REPORT_NOT_VMALLOC "not from lm_vmalloc"
#define REPORT_NO_CPU "no such CPU"
#define REPORT_CACHE_DESTROYED "cache already destroyed"
#define REPORT_POOL_DESTROYED "pool already destroyed"
#define REPORT_REGION_DESTROYED "region already destroyed"
#define REPORT_RESERVE_DESTROYED "reserve already destroyed"
#define REPORT_PERCPU_FREED "per-CPU pointer already freed"
#define REPORT_PERCPU_OUTSIDE "per-CPU pointer outside of its slots"

/* A pointer handed to `function` (the entry point's name) is bad in the way that `kind` says. Does not return. */
_Noreturn cold void report_bad_pointer(const char *kind, const void *pointer, const char *function);

/*
 * The object at `object` of a cache was damaged, first at byte `offset` of it (below 0: before it). Does not return.
 *
 *      libmalloc: <kind> at offset <offset> of cache <cache>: <address> (<function>)
 */
_Noreturn cold void report_damage(const char *kind, long offset, const char *cache, const void *object,
				  const char *function);

/* Something about an object that stops nothing: "libmalloc: <what> of cache <cache>: <address> (<function>)" */
cold void report_object(const char *what, const char *cache, const void *object, const char *function);

/* An invariant of ours does not hold: a bug here or a stray write into our data. Does not return. */
_Noreturn cold void report_internal(const char *what);

/* Something the user should know and that stops nothing: "libmalloc: <what>: <subject>" */
cold void report_warning(const char *what, const char *subject);

#endif
