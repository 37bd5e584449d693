/*
 * flags.h - the flags of libmalloc/flags.h in one table: their names, which exclude each other, and which functions
 * have a use for which.
 *
 * Pure, but for the line that a refusal writes: errno is EINVAL then, and the line names the flags,
 *
 *      libmalloc: bad flags: LM_NOSYSCALL excludes LM_HUGE (lm_malloc)
 *      libmalloc: bad flags: LM_COLD is of no use here (lm_pages_alloc)
 *      libmalloc: bad flags: 0x100 is no flag (lm_malloc)
 */
#ifndef LM_API_FLAGS_H
#define LM_API_FLAGS_H

#include "base/compiler.h"

#include <libmalloc/flags.h>
#include <stdbool.h>
#include <stddef.h>

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

/* Says what is wrong with the flags, which is something. */
cold void flags_report(unsigned flags, unsigned of_use, const char *function);

/* True if `function`, which has a use for `of_use`, may be called with these flags; else it is reported. */
static inline bool flags_accept(unsigned flags, unsigned of_use, const char *function)
{
	if (likely((flags & ~of_use) == 0 && !flags_conflict(flags)))
		return true;
	flags_report(flags, of_use, function);
	return false;
}

/*
 * The same for other arguments: EINVAL, and "libmalloc: bad argument: <what> (<function>)".
 */
cold void flags_report_argument(const char *what, const char *function);

/*
 * An allocation of `bytes` has failed for want of memory: errno is EAGAIN with LM_NOSYSCALL, else ENOMEM; and unless
 * that or LM_NOWARN forbids it, or a line of this kind was written within the last second:
 *
 *      libmalloc: out of memory: 4096 bytes (lm_malloc)
 */
cold void flags_report_failure(size_t bytes, unsigned flags, const char *function);

#endif
