/*
 * trim.h - the break goes down when the free run at the top of the heap is large (M_TRIM_THRESHOLD), and M_TOP_PAD
 * stays.
 *
 * Only pages of the run that have been in use count: untouched ones cost nothing, and lowering the break over them
 * would only make the next growth pay again.
 */
#ifndef LM_PAGE_TRIM_H
#define LM_PAGE_TRIM_H

#include "page/zone.h"

/* M_TRIM_THRESHOLD in pages, loosened as purge_loosened says; SIZE_MAX >> PAGE_SHIFT at least when trim is off. */
size_t trim_threshold_pages(void);

/*
 * True when the heap has more than the threshold of idle pages beyond those that were left after the last time: then it
 * is worth emptying magazines, whose objects may lie at the top. trim_note_drained ends such a time, trim_note_grown
 * says that little is idle now, as the break had to go up.
 */
bool trim_wants_drain(void);
void trim_note_drained(void);
void trim_note_grown(void);

/*
 * Between the two no free lowers the break: where memory has run out, addresses that are given back may not be had
 * again, and what is emptied now is to serve a request. Several threads may be there at once.
 */
void trim_hold(void);
void trim_release(void);

/* In the child of fork: drops the holds of the other threads, which are not there. This thread releases its own. */
void trim_fork_child(void);

/* False while it is held. zone.lock is held. */
bool trim_is_due(const struct zone *zone);

/* Lowers the break as trim_is_due asked for. Nothing is locked; the frames of a large run go back in small steps. */
void trim_top(struct zone *zone);

/* Lowers the break so that `pad_bytes` stay free below it; true if it moved. */
bool trim_to_pad(struct zone *zone, size_t pad_bytes);

#endif
