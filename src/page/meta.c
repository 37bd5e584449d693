/*
 * meta.c - see meta.h. Guarded by meta_lock, rank RANK_META: the last lock that anybody takes.
 */
#include "page/meta.h"

#include "base/bits.h"
#include "base/lock.h"
#include "os/map.h"

#include <stdint.h>
#include <string.h>

enum {
	GRAIN_BYTES = CACHE_LINE_BYTES,
	FIRST_CHUNK_BYTES = 32 * 1024, /* in .bss: a small program needs no mapping for our data */
	CHUNK_MIN_BYTES = 64 * 1024,
	CHUNK_MAX_BYTES = 1024 * 1024,
	GARBAGE = 0xdb,
};

struct free_piece {
	struct free_piece *next;
};

static struct lock meta_lock;
static struct free_piece *free_pieces[META_MAX_BYTES / GRAIN_BYTES + 1]; /* by size in grains */
static char first_chunk[FIRST_CHUNK_BYTES] cache_line_aligned;
static char *chunk_at = first_chunk;
static char *chunk_end = first_chunk + FIRST_CHUNK_BYTES;
static size_t chunk_bytes = CHUNK_MIN_BYTES;
static _Atomic size_t mapped_bytes;

size_t meta_mapped_bytes(void) { return atomic_load_explicit(&mapped_bytes, memory_order_relaxed); }

void meta_count_mapped(size_t bytes) { atomic_fetch_add_explicit(&mapped_bytes, bytes, memory_order_relaxed); }

struct lock *meta_lock_address(void) { return &meta_lock; }

/* Where memory is short, a smaller chunk may still be had. What was left of the old chunk is lost: under 8 KiB. */
static bool chunk_map(size_t bytes)
{
	size_t want = chunk_bytes;
	void *chunk = os_map_private(want);
	if (chunk == NULL && want > CHUNK_MIN_BYTES)
		chunk = os_map_private(want = CHUNK_MIN_BYTES);
	if (chunk == NULL)
		chunk = os_map_private(want = round_up(bytes, CHUNK_MIN_BYTES / 4));
	if (chunk == NULL)
		return false;
	meta_count_mapped(want);
	chunk_at = chunk;
	chunk_end = chunk_at + want;
	chunk_bytes = size_min(chunk_bytes * 2, CHUNK_MAX_BYTES);
	return true;
}

static void *piece_cut(size_t bytes)
{
	if ((size_t)(chunk_end - chunk_at) < bytes && !chunk_map(bytes))
		return NULL;
	void *piece = chunk_at;
	chunk_at += bytes;
	return piece;
}

static size_t grains_of(size_t bytes) { return (bytes + GRAIN_BYTES - 1) / GRAIN_BYTES; }

static void *piece_find(size_t grains)
{
	struct free_piece *piece = free_pieces[grains];
	if (piece == NULL)
		return piece_cut(grains * GRAIN_BYTES);
	free_pieces[grains] = piece->next;
	return piece;
}

static void *piece_take(size_t grains)
{
	void *piece = piece_find(grains);
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

bool meta_offer_quietly(size_t bytes)
{
	size_t grains = grains_of(bytes);
	if (!lock_try_quiet(&meta_lock))
		return false;
	if (free_pieces[grains] != NULL || (size_t)(chunk_end - chunk_at) >= grains * GRAIN_BYTES)
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

static struct meta_handle *queue_pop(struct meta_queue *queue)
{
	struct meta_handle *handle = queue->oldest;
	queue->oldest = handle->next;
	queue->count--;
	return handle;
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
	handle->next = NULL;
	lock_acquire(&meta_lock, RANK_META);
	if (queue->count++ == 0)
		queue->oldest = handle;
	else
		queue->newest->next = handle;
	queue->newest = handle;
	lock_release(&meta_lock, RANK_META);
}
