/*
 * huge.h - huge pages for a heap that is large and grows with small objects.
 *
 * One fault then brings 2 MiB, and costs less than a tenth of 512 faults. But a huge page is resident as a whole: so
 * the heap must be large (huge_page_threshold), the 2 MiB wholly unused and clean, and the first pages taken from them
 * be for objects so small that each page will hold some. The advice holds only for the fault that is made at once:
 * later the kernel's khugepaged would fill up again what was given back.
 *
 *      | huge pages, no advice ... | 2 MiB, begun now | never touched ...
 *
 * Called without any lock.
 */
#ifndef LM_PAGE_HUGE_H
#define LM_PAGE_HUGE_H

#include "page/zone.h"

/*
 * The pages of a slab of small objects were taken, and nobody uses them yet: if they begin 2 MiB that are unused else,
 * those become a huge page. They read as zeros as before.
 */
void huge_begin(const struct page_run *run);

#endif
