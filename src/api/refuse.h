/*
 * refuse.h - the sentences with which the functions of this layer refuse an argument, and the ways of returning NULL.
 * See api/flags.h for the lines.
 */
#ifndef LM_API_REFUSE_H
#define LM_API_REFUSE_H

#include "api/flags.h"
#include "page/pagemap.h"

#include <errno.h>

#define REFUSED_ALIGN "align is to be a power of two up to 4096, or 0"
#define REFUSED_ALIGN_1 "align is to be a power of two up to 4096"
#define REFUSED_ORDER "order is to be 0 to 10"
#define REFUSED_PAGES_SIZE "size is to be 1 to 4194304"
#define REFUSED_PERCPU_SIZE "size is to be 1 to 32768"
#define REFUSED_CHUNK_SIZE "size is to be 1 or more"
#define REFUSED_CHUNKS "chunks is to be 1 or more"
#define REFUSED_MINIMUM "minimum is to be 1 or more"
#define REFUSED_FUNCTIONS "alloc_object and free_object are both to be given"
#define REFUSED_ZERO "LM_ZERO cannot be used with a constructor"
#define REFUSED_POISON "LM_CACHE_POISON cannot be used with a constructor or destructor"
#define REFUSED_FOR_EVER "size is too large: with LM_NOFAIL the call would wait for ever"

/* No request of so many bytes can be served: an address of a program has one bit less than the page map knows. */
#define LOW_LIMIT_BYTES ((size_t)1 << 32)
static inline size_t limit_bytes(unsigned flags)
{
	return (flags & LM_DMA32) != 0 ? LOW_LIMIT_BYTES : (size_t)1 << (ADDRESS_BITS - 1);
}

/* EINVAL and a line. */
static inline void *refuse(const char *function, const char *sentence)
{
	flags_report_argument(sentence, function);
	return NULL;
}

/* For want of memory: with a line, unless the flags forbid it; and for functions that take no flags, without one. */
static inline void *out_of_memory(const char *function, size_t bytes, unsigned flags)
{
	flags_report_failure(bytes, flags, function);
	return NULL;
}

static inline void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

#endif
