/*
 * purge.h - frames behind free pages go back to the system (MADV_DONTNEED), the addresses stay.
 *
 * The limit: free dirty pages may be a sixteenth of the pages in use, and at least PURGE_FLOOR_PAGES, M_TRIM_THRESHOLD
 * and M_TOP_PAD. The free that exceeds it purges down to a quarter of it, or to M_TOP_PAD, but at least a quarter of
 * it goes, since a purge that leaves the limit would be due again at once. A purged page that is handed out again
 * costs a page fault: a refault. If half of the purged pages were refaulted, the limit is doubled once, or so often
 * that what was purged would stay below it: up to the pages in use, or to 512 MiB, with many threads 32 MiB. If
 * TIGHTEN_PAGES, and twice the most that was in use, were purged and less than an eighth of them refaulted, it halves.
 * The trim threshold follows, two doublings further.
 */
#ifndef LM_PAGE_PURGE_H
#define LM_PAGE_PURGE_H

#include "page/zone.h"

/* The number of free dirty pages above which a purge is due, if `live_pages` are in use. */
size_t purge_limit_pages(size_t live_pages);

/* The number of free dirty pages that such a purge leaves. */
size_t purge_keep_pages(size_t limit_pages);

/* How often the limits are doubled: 0 to 10. */
unsigned purge_loosened(void);

/* Counts `npages` that went back to the system, or that were refaulted. */
void purge_note_purged(size_t npages);
void purge_note_bought(size_t npages);

/* Adapts the limit to the counts, before the next round of purging. */
cold void purge_review(void);

/*
 * Purges free pages until at most `keep_pages` in each zone are dirty. Returns the pages of the blocks that it purged,
 * their clean pages included. No lock is held.
 */
cold size_t purge_free_pages(size_t keep_pages);

/* Purges a free block; zone.lock is held, but not during the system call. False when the kernel refused. */
cold bool purge_block(struct zone *zone, struct buddy_block block);

#endif
