/*
 * private.h - memory of any length for what the systems here keep about their users' memory: never beside it.
 *
 * Short pieces come from meta.h; longer ones are mappings with a page at either end that is not used. They need not be
 * zero.
 */
#ifndef LM_API_PRIVATE_H
#define LM_API_PRIVATE_H

#include <stddef.h>

/* `bytes` (1 or more), or NULL; bytes that overflowed should be SIZE_MAX. */
void *private_alloc(size_t bytes);

/* Takes back what private_alloc(bytes) returned. */
void private_free(void *piece, size_t bytes);

#endif
