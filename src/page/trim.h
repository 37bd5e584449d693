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

/*
 * The larger one of M_TRIM_THRESHOLD and M_TOP_PAD in pages, doubled as purge_loosened says; at least SIZE_MAX >>
 * PAGE_SHIFT when trim is off.
 */
size_t trim_threshold_pages(void);

/*
 * True when idle pages of the heap > idle pages after the last drain + threshold: then it pays to give spare objects
 * back, which may lie at the top. trim_note_drained: that was done. trim_note_grown: the break had to go up, so little
 * is idle.
 */
bool trim_drain_is_due(void);
void trim_note_drained(void);
void trim_note_grown(void);

/*
 * Between the two calls no free lowers the break: memory has run out, so the break might not go up again, and the pages
 * that become free must serve a request. Up to 16 threads may be between them at once. Further threads have no hold of
 * their own: the break stays up for them only until the last of the 16 releases.
 */
cold void trim_hold(void);
cold void trim_release(void);

/* In the child of fork: drops the holds of the other threads, which do not exist there. This thread keeps its own. */
cold void trim_fork_child(void);

/* True if the break should go down; false between trim_hold and trim_release. zone.lock is held. */
bool trim_is_due(struct zone *zone);

/* Lowers the break, after trim_is_due. No lock is held; the frames of a large run go back in small steps. */
cold void trim_top(struct zone *zone);

/* Lowers the break so that `pad_bytes` stay free below it; true if it moved. */
cold bool trim_to_pad(struct zone *zone, size_t pad_bytes);

#endif
