/*
 * perturb.h - M_PERTURB: new memory is filled with the complement of a byte, freed memory with the byte (mallopt(3)).
 *
 * While it is on, threads get no cache, so that every call takes the slow path; the fast path does not know it. Threads
 * that had a cache before it was set keep it.
 */
#ifndef LM_HEAP_PERTURB_H
#define LM_HEAP_PERTURB_H

#include "base/compiler.h"
#include "base/settings.h"

static inline bool perturb_is_on(void) { return load_relaxed(&settings.perturb) != 0; }

cold void perturb_allocated(void *block, size_t bytes);
cold void perturb_freed(void *block, size_t bytes);

/* Called after settings.perturb has changed. */
cold void perturb_apply(void);

#endif
