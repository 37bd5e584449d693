/*
 * libmalloc/report.h - what the allocator holds, in the formats of /proc: lm_slabinfo(3).
 *
 * Each writes a text that ends in a NUL to `buffer`, at most `size` bytes with it, and returns the length of the
 * whole text without it, as snprintf(3): a result of `size` or more means that it was cut. None allocates.
 */
#ifndef LIBMALLOC_REPORT_H
#define LIBMALLOC_REPORT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* lm_slabinfo - the size classes and object caches, in the format of /proc/slabinfo, version 2.1 (slabinfo(5)). */
size_t lm_slabinfo(char *buffer, size_t size);

/* lm_buddyinfo - the free blocks of each order and zone, in the format of /proc/buddyinfo (proc(5)). */
size_t lm_buddyinfo(char *buffer, size_t size);

/* lm_zoneinfo - the pages of each zone, in the format of /proc/zoneinfo (proc(5)). */
size_t lm_zoneinfo(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
