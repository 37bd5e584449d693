/*
 * libmalloc.h - what libmalloc offers beyond <stdlib.h> and <malloc.h>.
 *
 * The system's own headers declare malloc(3), malloc_usable_size(3), mallopt(3), mallinfo(3), malloc_trim(3),
 * malloc_info(3), malloc_stats(3) and C++'s operator new and delete. These work as documented there. This header
 * declares the functions that those headers lack, and includes <libmalloc/...>, the library's other systems:
 * libmalloc(3).
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
 * lm_version - the version of the library that the process runs on, for example "0.2.0". A program that finds this
 * function by dlsym(3) runs on the library.
 */
const char *lm_version(void);

/*
 * free_sized - free(3) for a block whose size is known (C23, 7.24.3.4).
 *
 * pointer: NULL, or the result of malloc, calloc or realloc.  size: the bytes asked for; a wrong size does no harm.
 */
void free_sized(void *pointer, size_t size);

/*
 * free_aligned_sized - free(3) for a block from aligned_alloc whose alignment and size are known (C23, 7.24.3.5).
 *
 * pointer: NULL, or the result of aligned_alloc.  alignment, size: the bytes asked for; wrong ones do no harm.
 */
void free_aligned_sized(void *pointer, size_t alignment, size_t size);

#ifdef __cplusplus
}
#endif

#endif
