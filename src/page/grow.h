/* grow.h - more pages for a zone: the break is raised, or an extent is mapped, anywhere or below 4 GiB. */
#ifndef LM_PAGE_GROW_H
#define LM_PAGE_GROW_H

#include "page/zone.h"

/*
 * Makes `zone` hold `npages` free contiguous pages that it may not have held before, aligned to the next power of two,
 * at most to 4 MiB: the first of them, or 0. zone.lock is held.
 */
cold uintptr_t grow_zone(struct zone *zone, size_t npages);

#endif
