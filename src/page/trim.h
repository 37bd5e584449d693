/*
 * trim.h - the break goes down when the free run at the top of the heap is large (M_TRIM_THRESHOLD), and M_TOP_PAD stays.
 *
 * Only a run with that many dirty pages counts: untouched ones cost nothing, and lowering the break over them would
 * only make the next growth pay again.
 */
#ifndef LM_PAGE_TRIM_H
#define LM_PAGE_TRIM_H

#include "page/zone.h"

/* zone.lock is held. */
bool trim_is_due(const struct zone *zone);

/* Lowers the break as trim_is_due asked for. Nothing is locked; the frames of a large run go back in small steps. */
void trim_top(struct zone *zone);

/* Lowers the break so that `pad_bytes` stay free below it; true if it moved. */
bool trim_to_pad(struct zone *zone, size_t pad_bytes);

#endif
