/*
 * libmalloc/report.h - what the library holds, in the formats of /proc: lm_slabinfo(3).
 *
 * Each function writes a text and a final NUL to `buffer`, together at most `size` bytes. It returns the length of the
 * whole text without the NUL, like snprintf(3): if the result is `size` or more, the text was cut. With a `size` of 0
 * `buffer` may be NULL. The functions allocate nothing.
 */
#ifndef LIBMALLOC_REPORT_H
#define LIBMALLOC_REPORT_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* lm_slabinfo - the size classes and object caches, in the format of /proc/slabinfo, version 2.1 (slabinfo(5)). */
size_t lm_slabinfo(char *buffer, size_t size);

/* lm_buddyinfo - the number of free blocks of each order and zone, in the format of /proc/buddyinfo (proc(5)). */
size_t lm_buddyinfo(char *buffer, size_t size);

/* lm_zoneinfo - the pages of each zone, in the format of /proc/zoneinfo (proc(5)). */
size_t lm_zoneinfo(char *buffer, size_t size);

#ifdef __cplusplus
}
#endif

#endif
