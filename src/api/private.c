/*
 * private.c - see private.h.
 */
#include "api/private.h"

#include "base/bits.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/meta.h"

/* More is refused before it is rounded. */
#define PRIVATE_MAX_BYTES (SIZE_MAX / 2)

void *private_alloc(size_t bytes)
{
	if (bytes <= META_MAX_BYTES)
		return meta_alloc(bytes);
	size_t mapped = round_up(bytes, os_page_size());
	void *piece = bytes > PRIVATE_MAX_BYTES ? NULL : os_map_private(mapped);
	if (piece != NULL)
		meta_count_mapped(mapped);
	return piece;
}

void private_free(void *piece, size_t bytes)
{
	if (bytes <= META_MAX_BYTES) {
		meta_free(piece, bytes);
		return;
	}
	size_t mapped = round_up(bytes, os_page_size());
	os_unmap_private(piece, mapped);
	meta_count_mapped(0 - mapped);
}
