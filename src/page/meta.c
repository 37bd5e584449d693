/* meta.c - see meta.h. Guarded by meta_lock, rank RANK_META: the last lock that anybody takes. */
#include "page/meta.h"

#include "base/bits.h"
#include "os/lock.h"
#include "os/map.h"

#include <string.h>

enum {
	GRAIN_BYTES = CACHE_LINE_BYTES,
	FIRST_CHUNK_BYTES = 32 * 1024, /* in .bss: a small program needs no mapping for our data */
	CHUNK_MIN_BYTES = 64 * 1024,   /* of the first mapping; each further one is twice as long, */
	CHUNK_MAX_BYTES = 1024 * 1024, /* up to this: bounds the number of mappings */
	GARBAGE = 0xdb,
};

/* Stands in the piece's own memory, on free_pieces[its grains]. */
struct free_piece {
	struct free_piece *next;
};

struct lock meta_lock;
static struct free_piece *free_pieces[META_MAX_BYTES / GRAIN_BYTES + 1]; /* by size in grains; meta_lock guards all */
static char first_chunk[FIRST_CHUNK_BYTES] cache_line_aligned;
/*
 *      first_chunk                        a mapped chunk
 *      |..............|   ...             | piece | piece | never used ... |
 *      |-- chunk_at ---------------------------------------->|                distances in bytes from first_chunk,
 *      |-- chunk_end ------------------------------------------------------>|  which may be negative modulo 2^64
 *
 * Distances, also of chunks that are mapped: pointers would be relocated at each start. chunk_at <= chunk_end, both are
 * multiples of a grain from the chunk's beginning; meta_lock guards them.
 */
static size_t chunk_at;
static size_t chunk_end = FIRST_CHUNK_BYTES;
static size_t chunk_bytes = CHUNK_MIN_BYTES;
static _Atomic size_t mapped_bytes; /* a sum, relaxed */

size_t meta_mapped_bytes(void) { return load_relaxed(&mapped_bytes); }

void meta_count_mapped(size_t bytes) { add_relaxed(&mapped_bytes, bytes); }

/* If memory is short, a smaller chunk may do. The rest of the old chunk is lost: under 8 KiB. */
static cold bool chunk_map(size_t bytes)
{
	const size_t tries[] = {chunk_bytes, CHUNK_MIN_BYTES, round_up(bytes, CHUNK_MIN_BYTES / 4)};
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		char *chunk = os_map_private(tries[i]);
		if (chunk == NULL)
			continue;
		meta_count_mapped(tries[i]);
		chunk_at = (uintptr_t)chunk - (uintptr_t)first_chunk;
		chunk_end = chunk_at + tries[i];
		chunk_bytes = size_min(chunk_bytes * 2, CHUNK_MAX_BYTES);
		return true;
	}
	return false;
}

static size_t grains_of(size_t bytes) { return (bytes + GRAIN_BYTES - 1) / GRAIN_BYTES; }

static bool chunk_has(size_t grains) { return chunk_end - chunk_at >= grains * GRAIN_BYTES; }

/* A piece from the free list, or cut from the chunk. */
static void *piece_take(size_t grains)
{
	struct free_piece *piece = free_pieces[grains];
	if (piece != NULL) {
		free_pieces[grains] = piece->next;
	} else if (chunk_has(grains) || chunk_map(grains * GRAIN_BYTES)) {
		piece = (struct free_piece *)((uintptr_t)first_chunk + chunk_at);
		chunk_at += grains * GRAIN_BYTES;
	}
	if (DEBUG_CHECKS && piece != NULL)
		memset(piece, GARBAGE, grains * GRAIN_BYTES);
	return piece;
}

void *meta_alloc(size_t bytes)
{
	lock_acquire(&meta_lock, RANK_META);
	void *piece = piece_take(grains_of(bytes));
	lock_release(&meta_lock, RANK_META);
	return piece;
}

void *meta_alloc_any(size_t bytes)
{
	if (bytes <= META_MAX_BYTES)
		return meta_alloc(bytes);
	size_t mapped = round_up(bytes, os_page_size());
	void *piece = bytes > SIZE_MAX / 2 ? NULL : os_map_private(mapped);
	if (piece != NULL)
		meta_count_mapped(mapped);
	return piece;
}

void meta_free_any(void *piece, size_t bytes)
{
	if (bytes <= META_MAX_BYTES) {
		meta_free(piece, bytes);
		return;
	}
	size_t mapped = round_up(bytes, os_page_size());
	os_unmap_private(piece, mapped);
	meta_count_mapped(0 - mapped);
}

bool meta_offer_quietly(size_t bytes)
{
	size_t grains = grains_of(bytes);
	if (!lock_try_quiet(&meta_lock))
		return false;
	if (free_pieces[grains] != NULL || chunk_has(grains))
		return true;
	lock_release_quiet(&meta_lock);
	return false;
}

void *meta_take_offered(size_t bytes)
{
	void *piece = piece_take(grains_of(bytes));
	lock_release_quiet(&meta_lock);
	return piece;
}

void meta_leave_offered(void) { lock_release_quiet(&meta_lock); }

void meta_free(void *address, size_t bytes)
{
	size_t grains = grains_of(bytes);
	struct free_piece *piece = address;
	lock_acquire(&meta_lock, RANK_META);
	piece->next = free_pieces[grains];
	free_pieces[grains] = piece;
	lock_release(&meta_lock, RANK_META);
}

static void *queue_pop(struct meta_queue *queue)
{
	struct list_node *oldest = queue->handles.first;
	list_remove(&queue->handles, oldest);
	queue->count--;
	return list_entry(oldest, struct meta_handle, node);
}

void *meta_handle_alloc(struct meta_queue *queue, size_t bytes)
{
	lock_acquire(&meta_lock, RANK_META);
	void *handle = queue->count > META_HANDLES_RESTING ? queue_pop(queue) : piece_take(grains_of(bytes));
	lock_release(&meta_lock, RANK_META);
	return handle;
}

void meta_handle_put(struct meta_queue *queue, struct meta_handle *handle)
{
	lock_acquire(&meta_lock, RANK_META);
	list_push_back(&queue->handles, &handle->node);
	queue->count++;
	lock_release(&meta_lock, RANK_META);
}
