/*
 * refuse.h - how the functions beyond libc say no: errno, and one line on standard error.
 *
 *      libmalloc: <function>: <sentence>
 *
 * Each sentence is fixed: what was wrong and what is right.
 */
#ifndef LM_API_REFUSE_H
#define LM_API_REFUSE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

#define REFUSED_ALIGN "align is to be 0 or a power of two up to 4096"
#define REFUSED_ALIGN_1 "align is to be a power of two up to 4096"
#define REFUSED_ORDER "order is to be 0 to 10"
#define REFUSED_PAGES_SIZE "size is to be 1 to 4194304"
#define REFUSED_CHUNK_SIZE "size is to be 1 or more"
#define REFUSED_CHUNKS "chunks is to be 1 or more"
#define REFUSED_MINIMUM "minimum is to be 1 or more"
#define REFUSED_FUNCTIONS "alloc_object and free_object are both to be given"
#define REFUSED_FLAG "a flag is given that this function does not take"
#define REFUSED_NOFAIL "LM_NOFAIL goes neither with LM_NOSYSCALL nor with LM_NORETRY"
#define REFUSED_HUGE "LM_HUGE goes neither with LM_NOSYSCALL nor with LM_DMA32 nor with LM_COLD"

/* EINVAL: NULL, for the caller to return. */
cold void *refuse(const char *function, const char *sentence);

/* True if the flags are all in `allowed` and do not exclude each other; else it is EINVAL. */
bool flags_are_right(const char *function, unsigned flags, unsigned allowed);

/* ENOMEM, with a line unless LM_NOWARN is among the flags; EAGAIN and no line with LM_NOSYSCALL. NULL. */
cold void *out_of_memory(const char *function, unsigned flags);

/* The same for functions that take no flags: no line. */
cold void *no_memory(void);

#endif
