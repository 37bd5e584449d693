/*
 * huge.h - huge pages for a heap that is large and grows with small objects.
 *
 * One fault then brings 2 MiB, and costs less than a tenth of 512 faults. But a huge page is resident as a whole. So
 * the heap must be large (huge_page_threshold), the 2 MiB must be clean and unused, and the first pages taken from them
 * must be for objects so small that each page will hold some. The advice lasts for one fault, which is made at once:
 * later the kernel's khugepaged would fill up again what was given back.
 *
 *      | huge pages, no advice ... | 2 MiB, begun now | never touched ...
 *
 * Called without any lock.
 */
#ifndef LM_PAGE_HUGE_H
#define LM_PAGE_HUGE_H

#include "page/page_alloc.h"

/*
 * The run is for a slab of small objects, and nobody uses it yet. If it begins 2 MiB that are otherwise unused, these
 * become a huge page. They read as zeros as before.
 */
void huge_begin(const struct page_run *run);

#endif
