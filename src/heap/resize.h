/*
 * resize.h - realloc(3).
 *
 * A block stays where it is while it fits and no more than a quarter of it would be unused; above CHEAP_COPY_BYTES
 * nine sixteenths, so that it may be halved whatever its class adds. Large blocks move by mremap, which copies nothing.
 * Else a new block is filled and the old one freed; a failure leaves the old one alone.
 */
#ifndef LM_HEAP_RESIZE_H
#define LM_HEAP_RESIZE_H

#include "base/compiler.h"

/* NULL allocates, 0 bytes frees and yields NULL. NULL sets errno to ENOMEM. `function` is named in reports. */
void *heap_realloc(void *pointer, size_t bytes, const char *function);

/* Reports the block that this thread freed last in its size class, as already freed. */
void heap_check_live(void *pointer, const char *function);

/* True if a block that is no mapping is to stay although more than a quarter of it, usable - bytes, gets unused. */
bool heap_keeps_shrunk(const void *pointer, size_t usable, size_t bytes);

/* Resizes a block with a mapping of its own, as large_resize; NULL if it has none, or is to become small. */
void *heap_resize_mapping(void *pointer, size_t bytes);

#endif
