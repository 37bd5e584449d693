/*
 * libc.c - the C library's entry points, as declared in <stdlib.h> and <malloc.h>.
 *
 * Results, errno and edge cases are glibc 2.36's: malloc(3), posix_memalign(3), malloc_usable_size(3). The nine
 * __libc_* names are glibc's too; a static link needs them.
 */
#define _GNU_SOURCE
#include "base/bits.h"
#include "base/compiler.h"
#include "heap/flags.h"
#include "heap/follow.h"
#include "heap/heap.h"
#include "heap/libc_heap.h"
#include "heap/pointer.h"
#include "heap/resize.h"
#include "os/map.h"

#include <errno.h>
#include <libmalloc.h>
#include <malloc.h>
#include <stdlib.h>

/* malloc(3). bytes: any, 0 too. A block aligned to 16, or NULL and ENOMEM. */
LM_EXPORT void *malloc(size_t bytes) { return heap_alloc(bytes); }

/* free(3). pointer: NULL, or a block not yet freed; anything else is reported. errno is kept. */
LM_EXPORT void free(void *pointer) { heap_free(pointer, "free"); }

/* calloc(3). A zeroed block of count * bytes, or NULL and ENOMEM, also where the product overflows. */
LM_EXPORT void *calloc(size_t count, size_t bytes) { return heap_calloc(count, bytes); }

/* realloc(3). The block made `bytes` long, perhaps elsewhere; NULL and ENOMEM leave it as it was. 0 bytes frees it. */
LM_EXPORT void *realloc(void *pointer, size_t bytes) { return heap_realloc(pointer, bytes, "realloc"); }

/* reallocarray(3). realloc for count * bytes; NULL and ENOMEM where the product overflows. */
LM_EXPORT void *reallocarray(void *pointer, size_t count, size_t bytes)
{
	size_t total;
	return __builtin_mul_overflow(count, bytes, &total) ? no_memory() : follow_realloc(pointer, total);
}

/* memalign(3), aligned_alloc(3): in glibc 2.36 the same function. Rounds the alignment up to a power of two, if any. */
LM_EXPORT void *memalign(size_t alignment, size_t bytes)
{
	size_t least = size_max(alignment, CLASS_GRAIN_BYTES);
	if (unlikely(least > SIZE_MAX / 2 + 1)) {
		errno = EINVAL;
		return NULL;
	}
	return heap_aligned((size_t)1 << log2_ceil(least), bytes);
}

/* posix_memalign(3). 0 and *result; EINVAL if alignment is not a power of two of 8 or more; or ENOMEM. */
LM_EXPORT int posix_memalign(void **result, size_t alignment, size_t bytes)
{
	if (!is_power_of_two(alignment) || alignment % sizeof(void *) != 0)
		return EINVAL;
	void *block = heap_aligned(alignment, bytes);
	if (block == NULL)
		return ENOMEM;
	*result = block;
	return 0;
}

/* valloc(3). A block at a multiple of the page size. */
LM_EXPORT void *valloc(size_t bytes) { return heap_aligned(os_page_size(), bytes); }

/* pvalloc(3). The same, its size rounded up to whole pages, one at least. */
LM_EXPORT void *pvalloc(size_t bytes)
{
	size_t page = os_page_size();
	size_t rounded = round_up(bytes, page);
	return rounded < bytes ? no_memory() : heap_aligned(page, rounded);
}

/*
 * malloc_usable_size(3). The bytes that may be used, at least those asked for; 0 for NULL. A bad pointer is reported if
 * the process is bound to our malloc; else it may be a block of the malloc in front, and the result is 0.
 */
LM_EXPORT size_t malloc_usable_size(void *pointer)
{
	size_t usable = heap_usable(pointer);
	if (likely(usable != 0)) {
		heap_check_live(pointer, "malloc_usable_size");
		return usable;
	}
	if (pointer == NULL)
		return 0;
	if (follow_is_bound())
		pointer_check_libc(pointer, REPORT_FREED, "malloc_usable_size");
	else if (!pointer_is_of_libc(pointer))
		return 0;
	return libc_heap_usable(pointer);
}

static void free_as(void *pointer, const char *function)
{
	if (follow_is_bound())
		heap_free(pointer, function);
	else
		follow_free(pointer);
}

/* C23, 7.24.3.4 and 7.24.3.5: see libmalloc.h. */
LM_EXPORT void free_sized(void *pointer, size_t bytes)
{
	(void)bytes;
	free_as(pointer, "free_sized");
}

LM_EXPORT void free_aligned_sized(void *pointer, size_t alignment, size_t bytes)
{
	(void)alignment;
	(void)bytes;
	free_as(pointer, "free_aligned_sized");
}

#define LIBC_NAME(name, of) LM_EXPORT extern __typeof__(of) name __attribute__((alias(#of)))
LIBC_NAME(aligned_alloc, memalign);
LIBC_NAME(cfree, free); /* an old name, which glibc keeps for programs linked long ago */
LIBC_NAME(__libc_malloc, malloc);
LIBC_NAME(__libc_free, free);
LIBC_NAME(__libc_calloc, calloc);
LIBC_NAME(__libc_realloc, realloc);
LIBC_NAME(__libc_memalign, memalign);
LIBC_NAME(__libc_valloc, valloc);
LIBC_NAME(__libc_pvalloc, pvalloc);

/* Our own definition under a name that nobody can interpose: follow.c compares with it. */
extern __typeof__(malloc) own_malloc __attribute__((alias("malloc"), visibility("hidden")));

#define TEXT(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

LM_EXPORT const char *lm_version(void)
{
	return VERSION_TEXT(LM_VERSION_MAJOR, LM_VERSION_MINOR, LM_VERSION_PATCH);
}
