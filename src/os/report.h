/*
 * report.h - what the library writes to standard error: one line, without stdio or allocation. After misuse and damage
 * the process is aborted; after a warning it goes on.
 *
 *      libmalloc: <kind>: <address> (<function>)
 *
 * Each kind is one fixed text, which a program in tests/misuse/ matches word for word. This table is the one place for
 * the kinds of all layers, so it names functions of higher ones.
 */
#ifndef LM_OS_REPORT_H
#define LM_OS_REPORT_H

#include "base/compiler.h"

#define REPORT_DOUBLE_FREE "double free"
#define REPORT_FREED "block already freed" /* used, not freed again */
#define REPORT_INTERIOR "interior pointer"
#define REPORT_MISALIGNED "misaligned pointer"
#define REPORT_NEVER_ALLOCATED "pointer never allocated"
#define REPORT_STACK "pointer into the stack"
#define REPORT_OTHER_CACHE "not an object of this cache"
#define REPORT_RED_ZONE "red zone overwritten"
#define REPORT_WRITTEN_FREE "freed object written to"

/* An argument that is not allowed: EINVAL. The subject is the argument, what is right, and the function. */
#define REPORT_BAD_ARGUMENT "bad argument"
#define REPORT_BAD_FLAGS "bad flags"

/* The call failed, and was not told to be silent about it. */
#define REPORT_OUT_OF_MEMORY "out of memory"
#define REPORT_TOO_MANY_CACHES "too many caches"

/* From functions that libc does not have. */
#define REPORT_NOT_OF_POOL "not a chunk of this pool"
#define REPORT_NOT_OF_REGION "mark not valid for this region"
#define REPORT_NOT_PAGES "not from lm_pages_alloc"
#define REPORT_WRONG_PAGES "page count differs from the allocation"
#define REPORT_NOT_VMALLOC "not from lm_vmalloc"
#define REPORT_NO_CPU "no such CPU" /* the subject is the CPU's number, and how many there are */
#define REPORT_CACHE_DESTROYED "cache already destroyed"
#define REPORT_POOL_DESTROYED "pool already destroyed"
#define REPORT_REGION_DESTROYED "region already destroyed"
#define REPORT_RESERVE_DESTROYED "reserve already destroyed"
#define REPORT_PERCPU_FREED "per-CPU pointer already freed"
#define REPORT_PERCPU_OUTSIDE "per-CPU pointer outside of its slots"

/* `function` (the entry point's name) got a bad pointer; `kind` is what is wrong with it. Does not return. */
_Noreturn cold void report_bad_pointer(const char *kind, const void *pointer, const char *function);

/*
 * The same in two steps, for code that may hold locks: a handler of SIGABRT may need them, or wait for a thread that
 * does. A thread notes a fault, and reports it when it calls report_noted without a lock. The process has one note: not
 * noted is what is found while it is taken, nor what was reported last, which the handler's thread may find again.
 */
cold void report_later(const char *kind, const void *pointer, const char *function);
cold void report_noted_fault(void);

/* The thread that has noted a fault and not reported it yet, or 0. Relaxed: only that thread reads what it wrote. */
extern _Atomic uintptr_t report_noter LM_HIDDEN;
static inline void report_noted(void)
{
	if (unlikely(load_relaxed(&report_noter) != 0))
		report_noted_fault();
}

/*
 * The object at `object` of a cache was damaged, first at byte `offset` of it (below 0: before it). Does not return.
 *
 *      libmalloc: <kind> at offset <offset> of cache <cache>: <address> (<function>)
 */
_Noreturn cold void report_damage(const char *kind, long offset, const char *cache, const void *object,
				  const char *function);

/* An invariant of ours does not hold: a bug here or a stray write into our data. Does not return. */
_Noreturn cold void report_internal(const char *what);

/*
 * A line for the user; the process goes on: "libmalloc: " and what text_format makes of the format (base/text.h). It is
 * cut to 256 bytes.
 */
cold void report_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
