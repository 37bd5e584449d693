/*
 * purge.h - frames behind free pages go back to the system (MADV_DONTNEED), the addresses stay.
 *
 * The limit: free dirty pages may be a sixteenth of the pages in use, and PURGE_FLOOR_PAGES at least. The frees that
 * exceed it pay for the purge, down to a quarter of it. When at least half of what was given back is bought back
 * (handed out again, which costs a page fault each), the limit doubles, up to the size of the heap in use or 512 MiB,
 * with many threads 32 MiB; when 32 MiB were given back and less than an eighth of that was bought, it halves again.
 * Trim loosens with it, and further.
 */
#ifndef LM_PAGE_PURGE_H
#define LM_PAGE_PURGE_H

#include "page/zone.h"

/* The number of free dirty pages from which on purging is due, where `live_pages` are in use. */
size_t purge_limit_pages(size_t live_pages);

/* How often limits are to be doubled, 0 to 10. */
unsigned purge_loosened(void);

/* Tells how many threads allocate: of many less is kept for what may be bought back. */
void purge_note_threads(size_t threads);

/* Tells the hysteresis that `npages` went back to the system, or that `npages` of those were bought back. */
void purge_note_purged(size_t npages);
void purge_note_bought(size_t npages);

/* Adapts the limit to what was noted, before the next round of purging. */
void purge_review(void);

/* Purges free pages until at most `keep_pages` of them are dirty: the number purged. No lock is held. */
size_t purge_free_pages(size_t keep_pages);

/* Purges one free block; zone.lock is held, released meanwhile, and held again. False when the kernel refused. */
bool purge_block(struct zone *zone, struct buddy_block block);

#endif
