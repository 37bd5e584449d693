/* percpu_chunk.c - places in chunks: the first one that fits, in the fullest chunk that is sure to have room. */
#include "ext/percpu_chunk.h"

#include "base/bitmap.h"
#include "base/list.h"
#include "os/cpu.h"
#include "os/map.h"
#include "os/report.h"
#include "page/meta.h"

#include <string.h>

/*
 * UNSURE_SEARCHES is for programs with many alignments, or with sizes just below a power of two: all their chunks have
 * runs of almost the size that they ask for. With 0, freed places of an alignment above 8 are used again only if their
 * neighbours are free too. With no bound, each such request would search all chunks.
 */
enum {
	GRAIN_SHIFT = PERCPU_GRAIN_SHIFT,
	GRAIN_BYTES = 1 << GRAIN_SHIFT,
	GRANULE_BITS = RSEQ_STRIDE_SHIFT - GRAIN_SHIFT,
	GRANULES = 1 << GRANULE_BITS,
	WORDS = GRANULES / 64,
	NO_GRANULE = GRANULES,
	SIZES = GRANULE_BITS + 1, /* of runs: 2^k granules and more, k below this */
	NO_ROOM = SIZES,          /* the list of the full chunks */
	UNSURE_SEARCHES = 4,      /* in chunks where the request may fit: a bound on the work of one call */
};

/* percpu_lock guards all chunks. The invariant stands in percpu_chunk.h. */
struct percpu_chunk {
	struct list_node node; /* of chunks[listed] */
	size_t listed;
	uintptr_t base; /* CPU 0's unit */
	size_t taken_granules;
	size_t dirty_end;          /* granules from here on were never handed out since the last purge */
	uint16_t room_from[SIZES]; /* granules */
	uint64_t taken[WORDS];
	uint64_t begins[WORDS];
};

_Static_assert(sizeof(struct percpu_chunk) <= META_MAX_BYTES, "descriptors come from meta_alloc");

/* percpu_lock guards the next three. */
struct lock percpu_lock;
static struct list chunks[SIZES + 1];    /* by the largest k for which there may be room, or NO_ROOM */
static struct percpu_chunk *empty_dirty; /* the one empty chunk that keeps its frames */
static unsigned last_generation;

_Atomic ptrdiff_t percpu_rseq_area;
_Atomic unsigned percpu_cpus_known;

/* Two threads may both find the same result. A thread that reads the two without a call has a place already. */
unsigned percpu_cpus(void)
{
	unsigned cpus = load_relaxed(&percpu_cpus_known);
	if (likely(cpus != 0))
		return cpus;
	cpus = os_cpu_count();
	store_relaxed(&percpu_rseq_area, rseq_area());
	store_relaxed(&percpu_cpus_known, cpus);
	return cpus;
}

/* The unit of keys and all others. */
static size_t chunk_bytes(void) { return (percpu_cpus() + (size_t)2) << RSEQ_STRIDE_SHIFT; }

/* The first granule from `at` on that is taken, or free, in a chunk; GRANULES if there is none. */
static size_t next_taken(const struct percpu_chunk *chunk, size_t at)
{
	return bits_next_set(chunk->taken, at, GRANULES);
}

static size_t next_free(const struct percpu_chunk *chunk, size_t at)
{
	return bits_next_clear(chunk->taken, at, GRANULES);
}

static size_t place_granule(const struct percpu_chunk *chunk, uintptr_t place)
{
	return (place - chunk->base) >> GRAIN_SHIFT;
}

/* The largest k for which the chunk may have a run of 2^k, or NO_ROOM. */
static size_t room_of(const struct percpu_chunk *chunk)
{
	for (size_t k = SIZES; k-- > 0;)
		if (chunk->room_from[k] + ((size_t)1 << k) <= GRANULES)
			return k;
	return NO_ROOM;
}

static void chunk_relist(struct percpu_chunk *chunk)
{
	size_t room = room_of(chunk);
	if (room == chunk->listed)
		return;
	list_remove(&chunks[chunk->listed], &chunk->node);
	list_push_front(&chunks[room], &chunk->node);
	chunk->listed = room;
}

static void move_to_back(struct percpu_chunk *chunk)
{
	list_remove(&chunks[chunk->listed], &chunk->node);
	list_push_back(&chunks[chunk->listed], &chunk->node);
}

/* No run of 2^k or more begins before `from`, and none is longer than `longest`. */
static void bound_raise(struct percpu_chunk *chunk, size_t k, size_t from, size_t longest)
{
	for (; k < SIZES; k++) {
		size_t bound = (size_t)1 << k <= longest ? from : GRANULES;
		chunk->room_from[k] = (uint16_t)size_max(chunk->room_from[k], bound);
	}
	chunk_relist(chunk);
}

/* The granules from `begin` to the one before `end` are free now. */
static void bound_lower(struct percpu_chunk *chunk, size_t begin, size_t end)
{
	for (size_t k = 0; k < SIZES && (size_t)1 << k <= end - begin; k++)
		chunk->room_from[k] = (uint16_t)size_min(chunk->room_from[k], begin);
	chunk_relist(chunk);
}

/* A search for `count` granules; the number of the first one is congruent to `phase` modulo `align`. */
struct place_request {
	size_t count, align, phase;
};

/*
 * The first granule that fits the request, or NO_GRANULE. The search begins where runs of 2^k may begin, and raises the
 * bounds for runs of this length and more. It does not look for the end of a run that is long enough.
 */
static size_t find_free(struct percpu_chunk *chunk, struct place_request request, size_t k)
{
	size_t from = NO_GRANULE;
	size_t longest = 0;
	size_t begin = next_free(chunk, chunk->room_from[k]);
	while (begin < GRANULES) {
		size_t at = begin + ((request.phase - begin) & (request.align - 1));
		size_t enough = size_max(at + request.count, begin + ((size_t)1 << k));
		size_t end = bits_next_set(chunk->taken, begin, size_min(enough, GRANULES));
		if (from == NO_GRANULE && end - begin >= (size_t)1 << k)
			from = begin;
		if (at + request.count <= end) {
			bound_raise(chunk, k, size_min(from, begin), GRANULES);
			return at;
		}
		longest = size_max(longest, end - begin);
		begin = next_free(chunk, end);
	}
	bound_raise(chunk, k, from, longest);
	return NO_GRANULE;
}

static struct percpu_chunk *chunk_create(void)
{
	struct percpu_chunk *chunk = meta_alloc(sizeof(struct percpu_chunk));
	if (chunk == NULL)
		return NULL;
	size_t bytes = chunk_bytes() + PERCPU_STRIDE; /* one stride more, since it must begin at a multiple of it */
	void *mapping = os_map_private(bytes);
	uintptr_t base = round_up((uintptr_t)mapping, PERCPU_STRIDE) + PERCPU_STRIDE;
	uintptr_t page = base >> PAGE_SHIFT;
	if (mapping == NULL || !pagemap_ensure(page, 1)) {
		if (mapping != NULL)
			os_unmap_private(mapping, bytes);
		meta_free(chunk, sizeof(struct percpu_chunk));
		return NULL;
	}
	*chunk = (struct percpu_chunk){.base = base, .listed = GRANULE_BITS};
	list_push_front(&chunks[chunk->listed], &chunk->node);
	pagemap_link(page)->percpu = chunk;
	pagemap_set_kind(page, PAGE_PERCPU);
	return chunk;
}

/* Clears what was handed out before, in all units; the rest was never written. */
static void clear_used(const struct percpu_chunk *chunk, size_t first, size_t count)
{
	size_t end = size_min(first + count, chunk->dirty_end);
	if (end <= first)
		return;
	for (unsigned cpu = 0; cpu <= percpu_cpus(); cpu++)
		memset(percpu_slot(chunk->base + (first << GRAIN_SHIFT), cpu), 0, (end - first) << GRAIN_SHIFT);
}

static uintptr_t chunk_take(struct percpu_chunk *chunk, size_t first, size_t count)
{
	if (chunk == empty_dirty)
		empty_dirty = NULL;
	bits_set(chunk->taken, first, count);
	bits_set(chunk->begins, first, 1);
	chunk->taken_granules += count;
	clear_used(chunk, first, count);
	chunk->dirty_end = size_max(chunk->dirty_end, first + count);
	return chunk->base + (first << GRAIN_SHIFT);
}

/*
 * A place in a chunk that has a run of 2^sure granules: the request fits there, wherever the run begins. find_free
 * moves a chunk without such a run to another list.
 */
static uintptr_t take_surely(struct place_request request, size_t sure)
{
	for (size_t k = sure; k < SIZES; k++)
		while (!list_is_empty(&chunks[k])) {
			struct percpu_chunk *chunk = list_entry(chunks[k].first, struct percpu_chunk, node);
			size_t first = find_free(chunk, request, sure);
			if (first != NO_GRANULE)
				return chunk_take(chunk, first, request.count);
		}
	return 0;
}

/* A place in one of a few chunks that have shorter runs. A chunk in which it does not fit goes behind the others. */
static uintptr_t take_perhaps(struct place_request request, size_t sure)
{
	size_t least = log2_floor(request.count);
	unsigned searches = UNSURE_SEARCHES;
	for (size_t k = sure; k-- > least;) {
		struct list_node *last = chunks[k].last;
		struct list_node *node = chunks[k].first;
		for (struct list_node *next; node != NULL && searches > 0; node = next, searches--) {
			struct percpu_chunk *chunk = list_entry(node, struct percpu_chunk, node);
			next = node == last ? NULL : node->next;
			size_t first = find_free(chunk, request, least);
			if (first != NO_GRANULE)
				return chunk_take(chunk, first, request.count);
			move_to_back(chunk);
		}
	}
	return 0;
}

static size_t granules_of(size_t bytes) { return round_up(bytes, GRAIN_BYTES) >> GRAIN_SHIFT; }

uintptr_t percpu_take(size_t bytes, size_t align, size_t phase)
{
	struct place_request request = {granules_of(bytes), align >> GRAIN_SHIFT, phase >> GRAIN_SHIFT};
	size_t sure = log2_ceil(request.count + request.align - 1);
	uintptr_t place = take_surely(request, sure);
	if (place == 0)
		place = take_perhaps(request, sure);
	if (place != 0)
		return place;
	struct percpu_chunk *chunk = chunk_create();
	/* A chunk begins at a page, and no alignment is larger than a page. */
	return chunk == NULL ? 0 : chunk_take(chunk, request.phase & (request.align - 1), request.count);
}

static void keys_write(uintptr_t place, size_t granules, uint64_t key)
{
	_Atomic uint64_t *keys = percpu_keys(place);
	for (size_t i = 0; i < granules; i++)
		store_relaxed(&keys[i], key * UINT64_C(0x0001000100010001));
}

uintptr_t percpu_pointer(uintptr_t place, size_t bytes)
{
	last_generation = last_generation % PERCPU_GENERATIONS + 1;
	uint64_t key = (PERCPU_GENERATIONS + 1) | last_generation;
	keys_write(place, granules_of(bytes), key);
	return place | key << PERCPU_KEY_SHIFT;
}

static struct percpu_chunk *chunk_of(uintptr_t place)
{
	return pagemap_link(round_down(place, PERCPU_STRIDE) >> PAGE_SHIFT)->percpu;
}

/* If a granule of the chunk has the pointer's key, its slots are live, and the pointer lies outside of them. */
const char *percpu_fault_of_dead(uintptr_t pointer, const char *freed)
{
	uintptr_t unit = round_down(percpu_place(pointer), PERCPU_STRIDE);
	if (!percpu_is_place(unit))
		return REPORT_NEVER_ALLOCATED;
	for (uintptr_t at = unit; at < unit + PERCPU_STRIDE; at += GRAIN_BYTES)
		if (percpu_key(at) == pointer >> PERCPU_KEY_SHIFT)
			return REPORT_PERCPU_OUTSIDE;
	return freed;
}

const char *percpu_fault_of_free(uintptr_t pointer)
{
	uintptr_t place = percpu_place(pointer);
	if (!percpu_is_live(pointer))
		return percpu_fault_of_dead(pointer, REPORT_DOUBLE_FREE);
	if (place % GRAIN_BYTES != 0)
		return REPORT_MISALIGNED;
	const struct percpu_chunk *chunk = chunk_of(place);
	return bit_is_set(chunk->begins, place_granule(chunk, place)) ? NULL : REPORT_INTERIOR;
}

/* The frames of the keys go back too: no granule of an empty chunk has one. */
static void chunk_empty(struct percpu_chunk *chunk)
{
	if (empty_dirty == NULL) {
		empty_dirty = chunk;
		return;
	}
	if (os_purge((void *)(chunk->base - PERCPU_STRIDE), chunk_bytes()))
		chunk->dirty_end = 0;
	move_to_back(chunk);
}

/* A place ends where the next one begins, or at a free granule. */
void percpu_put(uintptr_t place)
{
	struct percpu_chunk *chunk = chunk_of(place);
	size_t first = place_granule(chunk, place);
	size_t count = size_min(bits_next_set(chunk->begins, first + 1, GRANULES), next_free(chunk, first)) - first;
	keys_write(place, count, 0);
	bits_clear(chunk->taken, first, count);
	bits_clear(chunk->begins, first, 1);
	chunk->taken_granules -= count;
	bound_lower(chunk, bits_after_last_set(chunk->taken, first), next_taken(chunk, first + count));
	if (chunk->taken_granules == 0)
		chunk_empty(chunk);
}

#ifdef LM_DEBUG
/* All granules of a place have one key; free ones have none. */
static void keys_check(const struct percpu_chunk *chunk)
{
	_Atomic uint64_t *keys = percpu_keys(chunk->base);
	uint64_t last = 0;
	for (size_t i = 0; i < GRANULES; i++) {
		uint64_t here = load_relaxed(&keys[i]);
		if (!bit_is_set(chunk->taken, i) && here != 0)
			report_internal("per-CPU data: a free granule has a key");
		if (bit_is_set(chunk->taken, i) && !bit_is_set(chunk->begins, i) && here != last)
			report_internal("per-CPU data: a place has two keys");
		last = here;
	}
}

static void room_check(const struct percpu_chunk *chunk)
{
	for (size_t begin = next_free(chunk, 0), end; begin < GRANULES; begin = next_free(chunk, end)) {
		end = next_taken(chunk, begin);
		if (begin < chunk->room_from[log2_floor(end - begin)])
			report_internal("per-CPU data: a free run begins below its bound");
	}
	for (size_t k = 1; k < SIZES; k++)
		if (chunk->room_from[k] < chunk->room_from[k - 1])
			report_internal("per-CPU data: longer runs begin before shorter ones");
	if (chunk->listed != room_of(chunk))
		report_internal("per-CPU data: a chunk is on a wrong list");
}

static void chunk_check(const struct percpu_chunk *chunk)
{
	size_t taken = 0;
	for (size_t word = 0; word < WORDS; word++) {
		taken += count_bits(chunk->taken[word]);
		if (chunk->begins[word] & ~chunk->taken[word])
			report_internal("per-CPU data: a place begins where nothing is taken");
	}
	if (taken != chunk->taken_granules)
		report_internal("per-CPU data: the count and the bitmap differ");
	if (next_taken(chunk, chunk->dirty_end) != GRANULES)
		report_internal("per-CPU data: something is taken beyond what was touched");
	for (unsigned cpu = 0; cpu <= percpu_cpus(); cpu++) {
		const char *unit = percpu_slot(chunk->base, cpu);
		for (size_t at = chunk->dirty_end << GRAIN_SHIFT; at < PERCPU_STRIDE; at++)
			if (unit[at] != 0)
				report_internal("per-CPU data: what was never taken is not zero");
	}
	keys_check(chunk);
	room_check(chunk);
}

struct percpu_counts percpu_check(void)
{
	struct percpu_counts counts = {0, 0, 0};
	lock_acquire(&percpu_lock, RANK_PERCPU);
	for (size_t k = 0; k <= NO_ROOM; k++)
		for (struct list_node *node = chunks[k].first; node != NULL; node = node->next) {
			struct percpu_chunk *chunk = list_entry(node, struct percpu_chunk, node);
			chunk_check(chunk);
			counts.chunks++;
			counts.dirty_chunks += chunk->dirty_end != 0;
			counts.taken_granules += chunk->taken_granules;
		}
	lock_release(&percpu_lock, RANK_PERCPU);
	return counts;
}
#endif
