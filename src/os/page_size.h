/*
 * page_size.h - the size of the system's pages in bytes (4, 16 or 64 KiB), found at run time.
 *
 * The library's own page is always PAGE_BYTES (page/pagemap.h); only what is asked of the kernel is rounded to this.
 */
#ifndef LM_OS_PAGE_SIZE_H
#define LM_OS_PAGE_SIZE_H

#include <stddef.h>

size_t os_page_size(void);

#endif
