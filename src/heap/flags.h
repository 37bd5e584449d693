/*
 * flags.h - how functions refuse: the flags of libmalloc/flags.h in one table, with their names, which exclude each
 * other, and which functions have a use for which; the sentences about other arguments; and failures.
 *
 * A refusal sets errno to EINVAL and writes a line, which names the flags,
 *
 *      libmalloc: bad flags: LM_NOSYSCALL excludes LM_HUGE (lm_malloc)
 *      libmalloc: bad flags: LM_COLD cannot be used with this function (lm_pages_alloc)
 *      libmalloc: bad flags: 0x100 is not a flag (lm_malloc)
 */
#ifndef LM_HEAP_FLAGS_H
#define LM_HEAP_FLAGS_H

#include "base/compiler.h"
#include "page/pagemap.h"

#include <errno.h>
#include <libmalloc/flags.h>

/* Of each function, the flags that it has a use for. */
enum {
	FLAGS_MALLOC = LM_ZERO | LM_NOSYSCALL | LM_NORETRY | LM_NOFAIL | LM_NOWARN | LM_DMA32 | LM_COLD | LM_HUGE,
	FLAGS_PAGES = LM_ZERO | LM_NOSYSCALL | LM_NORETRY | LM_NOFAIL | LM_NOWARN | LM_DMA32,
	FLAGS_CACHE = LM_ZERO | LM_NOSYSCALL | LM_NORETRY | LM_NOFAIL | LM_NOWARN,
};

/* What each of three flags excludes: all pairs there are. */
#define FLAGS_EXCLUDE_NOSYSCALL (LM_NOFAIL | LM_HUGE)
#define FLAGS_EXCLUDE_NORETRY LM_NOFAIL
#define FLAGS_EXCLUDE_HUGE (LM_DMA32 | LM_COLD)

static inline bool flags_conflict(unsigned flags)
{
	return ((flags & LM_NOSYSCALL) && (flags & FLAGS_EXCLUDE_NOSYSCALL)) ||
	       ((flags & LM_NORETRY) && (flags & FLAGS_EXCLUDE_NORETRY)) ||
	       ((flags & LM_HUGE) && (flags & FLAGS_EXCLUDE_HUGE));
}

/* Reports why these flags are refused. They must be wrong. errno is EINVAL. */
cold void flags_report(unsigned flags, unsigned of_use, const char *function);

/* True if `function`, which has a use for `of_use`, may be called with these flags; else it is reported. */
static inline bool flags_accept(unsigned flags, unsigned of_use, const char *function)
{
	if (likely((flags & ~of_use) == 0 && !flags_conflict(flags)))
		return true;
	flags_report(flags, of_use, function);
	return false;
}

/* Refuses an argument with a sentence: NULL and EINVAL, and "libmalloc: bad argument: <sentence> (<function>)". */
cold void *refuse(const char *function, const char *sentence);
#define REFUSED_ALIGN "align must be a power of two up to 4096, or 0"
#define REFUSED_ALIGN_1 "align must be a power of two up to 4096"
#define REFUSED_ALIGNMENT "alignment must be a power of two"
#define REFUSED_ZONE_ALIGNMENT "alignment must be at most 4194304 with LM_DMA32 or LM_NOSYSCALL"
#define REFUSED_HIGH_ALIGNMENT "alignment must be less than the size of the address space"
#define REFUSED_ORDER "order must be 0 to 10"
#define REFUSED_PAGES_SIZE "size must be 1 to 4194304"
#define REFUSED_PERCPU_SIZE "size must be 1 to 32768"
#define REFUSED_CHUNK_SIZE "size must be 1 or more"
#define REFUSED_CHUNKS "chunks must be 1 or more"
#define REFUSED_MINIMUM "minimum must be 1 or more"
#define REFUSED_FUNCTIONS "alloc_object and free_object must not be NULL"
#define REFUSED_ZERO "LM_ZERO cannot be used with a constructor"
#define REFUSED_POISON "LM_CACHE_POISON cannot be used with a constructor or destructor"
#define REFUSED_FOR_EVER "size is too large: with LM_NOFAIL the call would wait for ever"

/*
 * An allocation of `bytes` has failed for want of memory: NULL. errno is EAGAIN with LM_NOSYSCALL, else ENOMEM; and
 * unless that or LM_NOWARN forbids it, or a line of this kind was written within the last second:
 *
 *      libmalloc: out of memory: 4096 bytes (lm_malloc)
 */
cold void *out_of_memory(const char *function, size_t bytes, unsigned flags);

/* The same for functions that take no flags: no line. */
static inline void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

/* No request of so many bytes can be served: an address of a program has one bit less than those of the page map. */
#define LOW_LIMIT_BYTES ((size_t)1 << 32)
static inline size_t limit_bytes(unsigned flags)
{
	return (flags & LM_DMA32) != 0 ? LOW_LIMIT_BYTES : (size_t)1 << (ADDRESS_BITS - 1);
}

#endif
