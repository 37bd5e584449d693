/*
 * percpu_chunk.h - where slots of per-CPU data lie: in chunks. A chunk has one unit for each CPU at a constant stride,
 * like those of the kernel's mm/percpu.c, and one unit of keys in front.
 *
 *      base - stride      base               base + stride      ...       base + cpus * stride
 *      | keys             | unit of CPU 0    | unit of CPU 1    | ...      | unit of no CPU |
 *      |  key ..          |  slot ..         |  slot ..         |          |  slot ..       |
 *         ^ place - stride   ^ place            ^ place + stride
 *
 *      dynamic pointer     63        48 47                              0
 *                         [ key        | place                          ]
 *                           1, generation
 *
 * A place is the address of CPU 0's slot; the other slots follow from it. The last unit belongs to threads whose CPU is
 * not known: they write there atomically (percpu.c). Units are 64 KiB apart, so two CPUs share no cache line.
 *
 * A dynamic pointer is a place under the key of its allocation. Each allocation has the next generation: 1 to 32767,
 * then 1 again. For each granule (8 bytes) of a live allocation the unit of keys holds its key four times, so that each
 * 2 bytes are the key; for all other granules it holds 0. So a pointer is live exactly if its key stands at its place
 * less one stride. The comparison takes no lock: lm_percpu_alloc writes the keys before it returns the pointer, and
 * lm_percpu_free clears them. A chunk is never unmapped, so that the key for an old pointer can be read. The page map
 * knows where chunks are.
 *
 * The descriptor has two bitmaps with a bit for each granule: `taken`, and `begins` for the first granule of a place.
 * For each power of two a bound tells where free runs of this length begin, and each chunk is on a list by the longest
 * run that it may have. So a search begins where there may be room, and skips chunks without room.
 *
 * One empty chunk keeps its frames; those of other empty chunks go back to the system.
 *
 * Invariant (percpu_check): taken_granules = bits set in `taken`; each bit of `begins` is set in `taken`; all granules
 * from dirty_end on are free, and hold zeros in all units; a run of 2^k free granules or more begins at room_from[k] or
 * later; room_from[k] <= room_from[k + 1]; a chunk is on the list of the highest k with room_from[k] + 2^k <= all
 * granules, else on the last; all granules of a place have one key, 0 for a static variable; free ones have none.
 *
 * percpu_lock (RANK_PERCPU) guards all chunks, and writing keys. The slots' contents belong to the program.
 */
#ifndef LM_EXT_PERCPU_CHUNK_H
#define LM_EXT_PERCPU_CHUNK_H

#include "base/bits.h"
#include "os/lock.h"
#include "os/rseq.h"
#include "page/pagemap.h"

#define PERCPU_STRIDE ((uintptr_t)1 << RSEQ_STRIDE_SHIFT)

enum { PERCPU_GRAIN_SHIFT = 3, PERCPU_KEY_SHIFT = 48, PERCPU_GENERATIONS = 0x7fff };

_Static_assert((int)PERCPU_KEY_SHIFT == (int)ADDRESS_BITS, "a place fits below the key");

extern struct lock percpu_lock LM_HIDDEN;

/* The number of CPUs, which is also the number of the unit that belongs to none. */
unsigned percpu_cpus(void);

/*
 * rseq_area() and percpu_cpus(); both 0 before percpu_cpus was first called, which percpu_take does. Relaxed: all
 * threads store the same numbers, and who has a place got it after they were stored.
 */
extern _Atomic ptrdiff_t percpu_rseq_area LM_HIDDEN;
extern _Atomic unsigned percpu_cpus_known LM_HIDDEN;

/*
 * Takes `bytes` (1 to PERCPU_STRIDE - align) of each unit, zeroed, at an address that is `phase` (a multiple of 8)
 * modulo `align` (a power of two, 8 to 4096): the place; 0 if there is no memory. percpu_lock is held.
 */
cold uintptr_t percpu_take(size_t bytes, size_t align, size_t phase);

/* Gives a place back, which must be taken. From now on no pointer to it is live. percpu_lock is held. */
cold void percpu_put(uintptr_t place);

/* The dynamic pointer to a taken place of `bytes`; it is live from now on. percpu_lock is held. */
cold uintptr_t percpu_pointer(uintptr_t place, size_t bytes);

/* NULL if the pointer is what percpu_pointer returned, and live; else what is wrong with it. percpu_lock is held. */
cold const char *percpu_fault_of_free(uintptr_t pointer);

/* What is wrong with a dynamic pointer that is not live: `freed`, or another kind. No lock: for signal handlers too. */
cold const char *percpu_fault_of_dead(uintptr_t pointer, const char *freed);

/* The place of any dynamic pointer. */
static always_inline uintptr_t percpu_place(uintptr_t pointer)
{
	return pointer & (((uintptr_t)1 << PERCPU_KEY_SHIFT) - 1);
}

/* The four equal keys of a place's granule, and one of them. */
static always_inline _Atomic uint64_t *percpu_keys(uintptr_t place)
{
	return (_Atomic uint64_t *)(round_down(place, (uintptr_t)1 << PERCPU_GRAIN_SHIFT) - PERCPU_STRIDE);
}

static always_inline uint64_t percpu_key(uintptr_t place)
{
	return load_relaxed(percpu_keys(place)) >> PERCPU_KEY_SHIFT;
}

/* True if the address lies in the unit of CPU 0 of a chunk: it has a key. */
static always_inline bool percpu_is_place(uintptr_t address)
{
	uintptr_t page = round_down(address, PERCPU_STRIDE) >> PAGE_SHIFT;
	struct page_block *block = pagemap_block(page);
	return likely(block != NULL) && load_relaxed(&block->kind[page % BLOCK_PAGES]) == PAGE_PERCPU;
}

/* True if a dynamic pointer lies in the slots of its allocation, and these are not freed. */
static always_inline bool percpu_is_live(uintptr_t pointer)
{
	uintptr_t place = percpu_place(pointer);
	return likely(percpu_is_place(place)) && percpu_key(place) == pointer >> PERCPU_KEY_SHIFT;
}

/* The slot of a CPU, or for percpu_cpus() the one of no CPU. */
static inline void *percpu_slot(uintptr_t place, unsigned cpu)
{
	return (void *)(place + ((uintptr_t)cpu << RSEQ_STRIDE_SHIFT));
}

#ifdef LM_DEBUG
/* Tests the invariant: how many chunks there are, how many of them may hold frames, and how many granules are taken. */
struct percpu_counts {
	size_t chunks;
	size_t dirty_chunks;
	size_t taken_granules;
};
struct percpu_counts percpu_check(void);
#endif

#endif
