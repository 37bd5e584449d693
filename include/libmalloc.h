/*
 * libmalloc.h - what libmalloc offers beyond <stdlib.h> and <malloc.h>.
 *
 * All of malloc(3), malloc_usable_size(3), mallopt(3), mallinfo(3), malloc_trim(3), malloc_info(3), malloc_stats(3)
 * and C++'s operator new and delete is declared in the system's own headers and works as documented there. Here stand
 * the functions that those headers lack, and in <libmalloc/...> the other systems of the kernel's memory management.
 */
#ifndef LIBMALLOC_H
#define LIBMALLOC_H

#include <libmalloc/alloc.h>
#include <libmalloc/cache.h>
#include <libmalloc/flags.h>
#include <libmalloc/page.h>
#include <libmalloc/percpu.h>
#include <libmalloc/pool.h>
#include <libmalloc/report.h>

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LM_VERSION_MAJOR 0
#define LM_VERSION_MINOR 2
#define LM_VERSION_PATCH 0

/*
 * The version of the library that the process runs on, for example "0.2.0". Also the way to tell that it runs on
 * it.
 */
const char *lm_version(void);

/*
 * free_sized - free for a block whose size is known (C23, 7.24.3.4).
 *
 * pointer: NULL, or the result of malloc, calloc or realloc.  size: the bytes asked for; a wrong size does no harm.
 */
void free_sized(void *pointer, size_t size);

/*
 * free_aligned_sized - the same for a block from aligned_alloc (C23, 7.24.3.5).
 *
 * pointer: NULL, or the result of aligned_alloc.  alignment, size: as asked for, in bytes; wrong ones do no harm.
 */
void free_aligned_sized(void *pointer, size_t alignment, size_t size);

#ifdef __cplusplus
}
#endif

#endif
