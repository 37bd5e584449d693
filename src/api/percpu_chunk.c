/*
 * percpu_chunk.c - see percpu_chunk.h. First fit, in the order of chunks and addresses.
 */
#include "api/percpu_chunk.h"

#include "base/bits.h"
#include "base/list.h"
#include "base/report.h"
#include "os/cpu.h"
#include "os/map.h"
#include "page/meta.h"

#include <string.h>

enum {
	GRAIN_SHIFT = 3,
	GRANULES = 1 << (RSEQ_STRIDE_SHIFT - GRAIN_SHIFT),
	WORDS = GRANULES / 64,
	NO_GRANULE = GRANULES,
};

struct chunk {
	struct list_node node;
	uintptr_t base;
	size_t taken_granules;
	size_t touched_end; /* granules from here on were never taken */
	uint64_t taken[WORDS];
	uint64_t begins[WORDS];
};

_Static_assert(sizeof(struct chunk) <= META_MAX_BYTES, "descriptors come from meta_alloc");

struct lock percpu_lock;
static struct list chunks; /* guarded by percpu_lock, as all of them */

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

static size_t chunk_bytes(void) { return (percpu_cpus() + (size_t)1) << RSEQ_STRIDE_SHIFT; }

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

/* The first granule from `at` on whose bit is `set`, or GRANULES. */
static size_t next_bit(const uint64_t *map, size_t at, bool set)
{
	while (at < GRANULES) {
		uint64_t word = (set ? map[at / 64] : ~map[at / 64]) >> at % 64;
		if (word != 0)
			return at + low_bit(word);
		at = (at / 64 + 1) * 64;
	}
	return GRANULES;
}

/* `count` free granules in a row, the first congruent to `phase` modulo `align` (granules), or NO_GRANULE. */
static size_t find_free(const struct chunk *chunk, size_t count, size_t align, size_t phase)
{
	size_t at = next_bit(chunk->taken, 0, false);
	while (at < GRANULES) {
		at += (phase - at) & (align - 1);
		if (at + count > GRANULES)
			break;
		size_t obstacle = next_bit(chunk->taken, at, true);
		if (obstacle - at >= count)
			return at;
		at = next_bit(chunk->taken, obstacle, false);
	}
	return NO_GRANULE;
}

static struct chunk *chunk_create(void)
{
	struct chunk *chunk = meta_alloc(sizeof(struct chunk));
	if (chunk == NULL)
		return NULL;
	void *units = os_map_private(chunk_bytes());
	if (units == NULL) {
		meta_free(chunk, sizeof(struct chunk));
		return NULL;
	}
	*chunk = (struct chunk){.base = (uintptr_t)units};
	list_push_back(&chunks, &chunk->node);
	return chunk;
}

static void chunk_destroy(struct chunk *chunk)
{
	list_remove(&chunks, &chunk->node);
	os_unmap_private((void *)chunk->base, chunk_bytes());
	meta_free(chunk, sizeof(struct chunk));
}

/* What was handed out before is cleared in all units; the rest was never written. */
static void clear_used(const struct chunk *chunk, size_t first, size_t count)
{
	size_t end = size_min(first + count, chunk->touched_end);
	if (end <= first)
		return;
	for (unsigned cpu = 0; cpu <= percpu_cpus(); cpu++)
		memset(percpu_slot(chunk->base + (first << GRAIN_SHIFT), cpu), 0, (end - first) << GRAIN_SHIFT);
}

static uintptr_t take_at(struct chunk *chunk, size_t first, size_t count)
{
	bits_set(chunk->taken, first, count);
	bits_set(chunk->begins, first, 1);
	chunk->taken_granules += count;
	clear_used(chunk, first, count);
	chunk->touched_end = size_max(chunk->touched_end, first + count);
	return chunk->base + (first << GRAIN_SHIFT);
}

uintptr_t percpu_take(size_t bytes, size_t align, size_t phase)
{
	size_t count = round_up(bytes, (size_t)1 << GRAIN_SHIFT) >> GRAIN_SHIFT;
	align >>= GRAIN_SHIFT;
	phase >>= GRAIN_SHIFT;
	for (struct list_node *node = chunks.first; node != NULL; node = node->next) {
		struct chunk *chunk = list_entry(node, struct chunk, node);
		size_t first = find_free(chunk, count, align, phase);
		if (first != NO_GRANULE)
			return take_at(chunk, first, count);
	}
	struct chunk *chunk = chunk_create();
	/* A chunk begins at a page, as the alignment asks at most. */
	return chunk == NULL ? 0 : take_at(chunk, phase & (align - 1), count);
}

static struct chunk *chunk_of(uintptr_t place)
{
	for (struct list_node *node = chunks.first; node != NULL; node = node->next) {
		struct chunk *chunk = list_entry(node, struct chunk, node);
		if (place - chunk->base < PERCPU_STRIDE)
			return chunk;
	}
	return NULL;
}

static const char *fault_of(const struct chunk *chunk, uintptr_t place)
{
	if (chunk == NULL)
		return REPORT_NEVER_ALLOCATED;
	size_t granule = (place - chunk->base) >> GRAIN_SHIFT;
	if (granule >= chunk->touched_end)
		return REPORT_NEVER_ALLOCATED;
	if (!bit_is_set(chunk->taken, granule))
		return REPORT_DOUBLE_FREE;
	if (place % (1 << GRAIN_SHIFT) != 0)
		return REPORT_MISALIGNED;
	return bit_is_set(chunk->begins, granule) ? NULL : REPORT_INTERIOR;
}

static bool another_is_empty(const struct chunk *than)
{
	for (struct list_node *node = chunks.first; node != NULL; node = node->next) {
		struct chunk *chunk = list_entry(node, struct chunk, node);
		if (chunk != than && chunk->taken_granules == 0)
			return true;
	}
	return false;
}

/* A place ends where the next one begins, or where nothing is taken. */
static size_t granules_at(const struct chunk *chunk, size_t first)
{
	size_t next = next_bit(chunk->begins, first + 1, true);
	return size_min(next, next_bit(chunk->taken, first, false)) - first;
}

const char *percpu_put(uintptr_t place)
{
	struct chunk *chunk = chunk_of(place);
	const char *fault = fault_of(chunk, place);
	if (fault != NULL)
		return fault;
	size_t first = (place - chunk->base) >> GRAIN_SHIFT;
	size_t count = granules_at(chunk, first);
	bits_clear(chunk->taken, first, count);
	bits_clear(chunk->begins, first, 1);
	chunk->taken_granules -= count;
	if (chunk->taken_granules == 0 && another_is_empty(chunk))
		chunk_destroy(chunk);
	return NULL;
}

static void chunk_check(const struct chunk *chunk)
{
	size_t taken = 0;
	for (size_t word = 0; word < WORDS; word++) {
		taken += count_bits(chunk->taken[word]);
		if (chunk->begins[word] & ~chunk->taken[word])
			report_internal("per-CPU data: a place begins where nothing is taken");
	}
	if (taken != chunk->taken_granules)
		report_internal("per-CPU data: the count and the bitmap differ");
	if (next_bit(chunk->taken, chunk->touched_end, true) != GRANULES)
		report_internal("per-CPU data: something is taken beyond what was touched");
	for (unsigned cpu = 0; cpu <= percpu_cpus(); cpu++) {
		const char *unit = percpu_slot(chunk->base, cpu);
		for (size_t at = chunk->touched_end << GRAIN_SHIFT; at < PERCPU_STRIDE; at++)
			if (unit[at] != 0)
				report_internal("per-CPU data: what was never taken is not zero");
	}
}

struct percpu_counts percpu_check(void)
{
	struct percpu_counts counts = {0, 0};
	lock_acquire(&percpu_lock, RANK_PERCPU);
	for (struct list_node *node = chunks.first; node != NULL; node = node->next) {
		struct chunk *chunk = list_entry(node, struct chunk, node);
		chunk_check(chunk);
		counts.chunks++;
		counts.taken_granules += chunk->taken_granules;
	}
	lock_release(&percpu_lock, RANK_PERCPU);
	return counts;
}
