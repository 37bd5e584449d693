/*
 * percpu_chunk.c - see percpu_chunk.h. First fit in a chunk; of the chunks, the fullest that is sure to have room.
 */
#include "api/percpu_chunk.h"

#include "base/list.h"
#include "base/report.h"
#include "os/cpu.h"
#include "os/map.h"
#include "page/meta.h"

#include <string.h>

/*
 * UNSURE_SEARCHES is needed by a program with many alignments, or sizes just below a power of two, whose chunks all
 * have runs of almost the size that it asks for. With none of them freed places of an alignment above 8 are used
 * again only where the next ones are free as well; with no bound each such request would search all chunks.
 */
enum {
	GRAIN_SHIFT = PERCPU_GRAIN_SHIFT,
	GRANULE_BITS = RSEQ_STRIDE_SHIFT - GRAIN_SHIFT,
	GRANULES = 1 << GRANULE_BITS,
	WORDS = GRANULES / 64,
	NO_GRANULE = GRANULES,
	SIZES = GRANULE_BITS + 1, /* of runs: 2^k granules and more, k below this */
	NO_ROOM = SIZES,          /* the list of the chunks that are full */
	UNSURE_SEARCHES = 4,      /* in chunks where the request may fit: a bound on the work of one call */
};

struct percpu_chunk {
	struct list_node node; /* of chunks[listed] */
	size_t listed;
	uintptr_t base;
	size_t taken_granules;
	size_t dirty_end;
	uint16_t room_from[SIZES];
	uint64_t taken[WORDS];
	uint64_t begins[WORDS];
};

_Static_assert(sizeof(struct percpu_chunk) <= META_MAX_BYTES, "descriptors come from meta_alloc");

/* percpu_lock guards all of them. */
struct lock percpu_lock;
static struct list chunks[SIZES + 1];     /* by the largest k for which there may be room, or NO_ROOM */
static struct percpu_chunk *empty_dirty; /* the one empty chunk that keeps its frames */
static unsigned last_generation;

_Atomic ptrdiff_t percpu_rseq_area;
_Atomic unsigned percpu_cpus_known;

/* Two threads may both find out: the same. Whoever reads the two without a call has a place, published by its taker. */
unsigned percpu_cpus(void)
{
	unsigned cpus = atomic_load_explicit(&percpu_cpus_known, memory_order_relaxed);
	if (likely(cpus != 0))
		return cpus;
	cpus = os_cpu_count();
	atomic_store_explicit(&percpu_rseq_area, rseq_area(), memory_order_relaxed);
	atomic_store_explicit(&percpu_cpus_known, cpus, memory_order_relaxed);
	return cpus;
}

/* Of the keys and the units. */
static size_t chunk_bytes(void) { return (percpu_cpus() + (size_t)2) << RSEQ_STRIDE_SHIFT; }

static bool bit_is_set(const uint64_t *map, size_t at) { return map[at / 64] >> at % 64 & 1; }

static void bits_apply(uint64_t *map, size_t first, size_t count, bool set)
{
	while (count > 0) {
		unsigned bit = first % 64;
		unsigned n = (unsigned)size_min(64 - bit, count);
		uint64_t mask = bit_range(bit, n);
		map[first / 64] = set ? map[first / 64] | mask : map[first / 64] & ~mask;
		first += n;
		count -= n;
	}
}

static void bits_set(uint64_t *map, size_t first, size_t count) { bits_apply(map, first, count, true); }
static void bits_clear(uint64_t *map, size_t first, size_t count) { bits_apply(map, first, count, false); }

/* The first granule from `at` on whose bit is `set`; where there is none before `end`, `end` or a later one. */
static size_t next_bit_before(const uint64_t *map, size_t at, size_t end, bool set)
{
	while (at < end) {
		uint64_t word = (set ? map[at / 64] : ~map[at / 64]) >> at % 64;
		if (word != 0)
			return at + low_bit(word);
		at = (at / 64 + 1) * 64;
	}
	return at;
}

/* The same for the whole map: GRANULES where there is none. */
static size_t next_bit(const uint64_t *map, size_t at, bool set) { return next_bit_before(map, at, GRANULES, set); }

/* Where the clear bits begin that end before `at`; `at` where there are none. */
static size_t clear_before(const uint64_t *map, size_t at)
{
	while (at > 0) {
		size_t last = at - 1;
		uint64_t word = map[last / 64] << (63 - last % 64);
		if (word != 0)
			return at - (63 - log2_floor(word));
		at = round_down(last, 64);
	}
	return 0;
}

static size_t place_granule(const struct percpu_chunk *chunk, uintptr_t place)
{
	return (place - chunk->base) >> GRAIN_SHIFT;
}

/* Free granules from begin to the one before end. */
struct run {
	size_t begin, end;
};

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

/* No run of 2^k or more begins before `from`, and none is longer than `longest`. */
static void bound_raise(struct percpu_chunk *chunk, size_t k, size_t from, size_t longest)
{
	for (; k < SIZES; k++) {
		size_t bound = (size_t)1 << k <= longest ? from : GRANULES;
		chunk->room_from[k] = (uint16_t)size_max(chunk->room_from[k], bound);
	}
	chunk_relist(chunk);
}

static void bound_lower(struct percpu_chunk *chunk, struct run run)
{
	for (size_t k = 0; k < SIZES && (size_t)1 << k <= run.end - run.begin; k++)
		chunk->room_from[k] = (uint16_t)size_min(chunk->room_from[k], run.begin);
	chunk_relist(chunk);
}

/* What is to be found: `count` granules, the first congruent to `phase` modulo `align`. */
struct request {
	size_t count, align, phase;
};

/*
 * The first granule that will do from where runs of 2^k may begin, or NO_GRANULE. It notes what it learns about runs of
 * this length and more. Of a run that is long enough it does not look for the end.
 */
static size_t find_free(struct percpu_chunk *chunk, struct request request, size_t k)
{
	size_t from = NO_GRANULE;
	size_t longest = 0;
	size_t begin = next_bit(chunk->taken, chunk->room_from[k], false);
	while (begin < GRANULES) {
		size_t at = begin + ((request.phase - begin) & (request.align - 1));
		size_t enough = size_max(at + request.count, begin + ((size_t)1 << k));
		size_t end = next_bit_before(chunk->taken, begin, size_min(enough, GRANULES), true);
		if (from == NO_GRANULE && end - begin >= (size_t)1 << k)
			from = begin;
		if (at + request.count <= end) {
			bound_raise(chunk, k, size_min(from, begin), GRANULES);
			return at;
		}
		longest = size_max(longest, end - begin);
		begin = next_bit(chunk->taken, end, false);
	}
	bound_raise(chunk, k, from, longest);
	return NO_GRANULE;
}

static struct percpu_chunk *chunk_create(void)
{
	struct percpu_chunk *chunk = meta_alloc(sizeof(struct percpu_chunk));
	if (chunk == NULL)
		return NULL;
	size_t bytes = chunk_bytes() + PERCPU_STRIDE; /* one stride more, as it is to begin at a multiple */
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

/* What was handed out before is cleared in all units; the rest was never written. */
static void clear_used(const struct percpu_chunk *chunk, size_t first, size_t count)
{
	size_t end = size_min(first + count, chunk->dirty_end);
	if (end <= first)
		return;
	for (unsigned cpu = 0; cpu <= percpu_cpus(); cpu++)
		memset(percpu_slot(chunk->base + (first << GRAIN_SHIFT), cpu), 0, (end - first) << GRAIN_SHIFT);
}

static uintptr_t take_at(struct percpu_chunk *chunk, size_t first, size_t count)
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
 * In a chunk that has a run of 2^sure granules: there the request fits, wherever the run begins. A chunk that turns out
 * to have none has moved to another list.
 */
static uintptr_t take_surely(struct request request, size_t sure)
{
	for (size_t k = sure; k < SIZES; k++)
		while (!list_is_empty(&chunks[k])) {
			struct percpu_chunk *chunk = list_entry(chunks[k].first, struct percpu_chunk, node);
			size_t first = find_free(chunk, request, sure);
			if (first != NO_GRANULE)
				return take_at(chunk, first, request.count);
		}
	return 0;
}

/* In some of the chunks that have shorter runs. One in which it does not fit goes behind the others. */
static uintptr_t take_perhaps(struct request request, size_t sure)
{
	size_t least = log2_floor(request.count);
	unsigned searches = UNSURE_SEARCHES;
	for (size_t k = sure; k-- > least;) {
		struct list_node *last = chunks[k].last;
		struct list_node *node = chunks[k].first;
		struct list_node *next;
		for (; node != NULL && searches > 0; node = next, searches--) {
			struct percpu_chunk *chunk = list_entry(node, struct percpu_chunk, node);
			next = node == last ? NULL : node->next;
			size_t first = find_free(chunk, request, least);
			if (first != NO_GRANULE)
				return take_at(chunk, first, request.count);
			list_remove(&chunks[chunk->listed], node);
			list_push_back(&chunks[chunk->listed], node);
		}
	}
	return 0;
}

uintptr_t percpu_take(size_t bytes, size_t align, size_t phase)
{
	struct request request = {
		.count = round_up(bytes, (size_t)1 << GRAIN_SHIFT) >> GRAIN_SHIFT,
		.align = align >> GRAIN_SHIFT,
		.phase = phase >> GRAIN_SHIFT,
	};
	size_t sure = log2_ceil(request.count + request.align - 1);
	uintptr_t place = take_surely(request, sure);
	if (place == 0)
		place = take_perhaps(request, sure);
	if (place != 0)
		return place;
	struct percpu_chunk *chunk = chunk_create();
	/* A chunk begins at a page, as the alignment asks at most. */
	return chunk == NULL ? 0 : take_at(chunk, request.phase & (request.align - 1), request.count);
}

static void keys_write(uintptr_t place, size_t granules, uint64_t key)
{
	_Atomic uint64_t *keys = percpu_keys(place);
	for (size_t i = 0; i < granules; i++)
		atomic_store_explicit(&keys[i], key * UINT64_C(0x0001000100010001), memory_order_relaxed);
}

uintptr_t percpu_pointer(uintptr_t place, size_t bytes)
{
	last_generation = last_generation % PERCPU_GENERATIONS + 1;
	uint64_t key = (PERCPU_GENERATIONS + 1) | last_generation;
	keys_write(place, round_up(bytes, (size_t)1 << GRAIN_SHIFT) >> GRAIN_SHIFT, key);
	return place | key << PERCPU_KEY_SHIFT;
}

static struct percpu_chunk *chunk_of(uintptr_t place)
{
	return pagemap_link(round_down(place, PERCPU_STRIDE) >> PAGE_SHIFT)->percpu;
}

/* Whether any granule of the chunk around has the pointer's key: then its slots are live, and it lies outside. */
static bool key_is_near(uintptr_t pointer)
{
	uintptr_t unit = round_down(percpu_place(pointer), PERCPU_STRIDE);
	for (uintptr_t at = unit; at < unit + PERCPU_STRIDE; at += (uintptr_t)1 << GRAIN_SHIFT)
		if (percpu_key(at) == pointer >> PERCPU_KEY_SHIFT)
			return true;
	return false;
}

static const char *fault_of(uintptr_t pointer, const char *freed)
{
	if (!percpu_is_place(percpu_place(pointer)))
		return REPORT_NEVER_ALLOCATED;
	return key_is_near(pointer) ? REPORT_PERCPU_OUTSIDE : freed;
}

const char *percpu_fault_of_use(uintptr_t pointer) { return fault_of(pointer, REPORT_PERCPU_FREED); }

const char *percpu_fault_of_free(uintptr_t pointer)
{
	uintptr_t place = percpu_place(pointer);
	if (!percpu_is_live(pointer))
		return fault_of(pointer, REPORT_DOUBLE_FREE);
	if (place % (1 << GRAIN_SHIFT) != 0)
		return REPORT_MISALIGNED;
	const struct percpu_chunk *chunk = chunk_of(place);
	return bit_is_set(chunk->begins, place_granule(chunk, place)) ? NULL : REPORT_INTERIOR;
}

/* Frames of keys as well: no granule of an empty chunk has one. */
static void chunk_empty(struct percpu_chunk *chunk)
{
	if (empty_dirty == NULL) {
		empty_dirty = chunk;
		return;
	}
	if (os_purge((void *)(chunk->base - PERCPU_STRIDE), chunk_bytes()))
		chunk->dirty_end = 0;
	list_remove(&chunks[chunk->listed], &chunk->node);
	list_push_back(&chunks[chunk->listed], &chunk->node);
}

/* A place ends where the next one begins, or where nothing is taken. */
static size_t granules_at(const struct percpu_chunk *chunk, size_t first)
{
	size_t next = next_bit(chunk->begins, first + 1, true);
	return size_min(next, next_bit(chunk->taken, first, false)) - first;
}

void percpu_put(uintptr_t place)
{
	struct percpu_chunk *chunk = chunk_of(place);
	size_t first = place_granule(chunk, place);
	size_t count = granules_at(chunk, first);
	keys_write(place, count, 0);
	bits_clear(chunk->taken, first, count);
	bits_clear(chunk->begins, first, 1);
	chunk->taken_granules -= count;
	struct run run = {clear_before(chunk->taken, first), next_bit(chunk->taken, first + count, true)};
	bound_lower(chunk, run);
	if (chunk->taken_granules == 0)
		chunk_empty(chunk);
}

/* The keys of a place, or of the granules between two places, are the same. */
static void keys_check(const struct percpu_chunk *chunk)
{
	_Atomic uint64_t *keys = percpu_keys(chunk->base);
	uint64_t last = 0;
	for (size_t i = 0; i < GRANULES; i++) {
		uint64_t here = atomic_load_explicit(&keys[i], memory_order_relaxed);
		if (!bit_is_set(chunk->taken, i) && here != 0)
			report_internal("per-CPU data: a free granule has a key");
		if (bit_is_set(chunk->taken, i) && !bit_is_set(chunk->begins, i) && here != last)
			report_internal("per-CPU data: a place has two keys");
		last = here;
	}
}

static void room_check(const struct percpu_chunk *chunk)
{
	size_t begin = next_bit(chunk->taken, 0, false);
	while (begin < GRANULES) {
		size_t end = next_bit(chunk->taken, begin, true);
		if (begin < chunk->room_from[log2_floor(end - begin)])
			report_internal("per-CPU data: there is room where none was to be");
		begin = next_bit(chunk->taken, end, false);
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
	if (next_bit(chunk->taken, chunk->dirty_end, true) != GRANULES)
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
