/*
 * percpu_chunk.h - where slots of per-CPU data lie: chunks of one unit for each CPU, at a constant stride, as the
 * kernel's mm/percpu.c has them, and one unit of keys in front.
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
 * A place is the address of CPU 0's slot; all others follow from it. The last unit belongs to threads of which nobody
 * knows the CPU: what they write there is atomic (see percpu.c). Units are 64 KiB apart, so no line is shared.
 *
 * A dynamic pointer is a place under the key of its allocation. Each allocation has the next generation, 1 to 32767
 * and round again. For each granule (8 bytes) of a live allocation the unit of keys holds its key four times, so that
 * each 2 bytes are the key; for all other granules it holds 0. So a pointer is live exactly if its key is the one at
 * its place less one stride. To compare takes no lock: keys are written before the pointer is returned, and by its
 * free. A chunk is never unmapped, so that the key for an old pointer can be read. The page map knows where chunks
 * are.
 *
 * What is taken stands in two bitmaps in the descriptor, a bit a granule: `taken`, and `begins` for the first of each
 * place. For each power of two a bound says where free runs of this length begin, and each chunk is on a list by the
 * longest run that it may have. So a search begins where there may be room, and sees no chunk without room.
 *
 * One empty chunk keeps its frames; those of others go back to the system.
 *
 * Invariant (percpu_check): taken_granules = bits set in `taken`; each bit of `begins` is set in `taken`; all granules
 * from dirty_end on are free, and hold zeros in all units; a run of 2^k free granules or more begins at room_from[k] or
 * behind it; room_from[k] <= room_from[k + 1]; a chunk is on the list of the highest k with room_from[k] + 2^k <= all
 * granules, else on the last; the granules of a place have one key, 0 for a static variable; free ones have none.
 *
 * percpu_lock (RANK_PERCPU) guards all chunks, and writing keys. The slots' contents belong to the program.
 */
#ifndef LM_API_PERCPU_CHUNK_H
#define LM_API_PERCPU_CHUNK_H

#include "base/bits.h"
#include "base/lock.h"
#include "control/fork.h"
#include "os/rseq.h"
#include "page/pagemap.h"

#include <stddef.h>
#include <stdint.h>

#define PERCPU_STRIDE ((uintptr_t)1 << RSEQ_STRIDE_SHIFT)

enum { PERCPU_GRAIN_SHIFT = 3, PERCPU_KEY_SHIFT = 48, PERCPU_GENERATIONS = 0x7fff };

_Static_assert((int)PERCPU_KEY_SHIFT == (int)ADDRESS_BITS, "a place fits below the key");

/* The number of CPUs, and of the unit that belongs to none. Found out at the first call. */
unsigned percpu_cpus(void);

/* rseq_area, once a place was taken; 0: no restartable sequences. Never changes after that. */
extern _Atomic ptrdiff_t percpu_rseq_area;
/* percpu_cpus, once a place was taken; before, 0. */
extern _Atomic unsigned percpu_cpus_known;

/*
 * Takes `bytes` (1 to PERCPU_STRIDE - align) of each unit, zeroed, at an address of which the rest modulo `align` (a
 * power of two, 8 to 4096) is `phase`, a multiple of 8: the place, or 0 where there is no memory. percpu_lock is held.
 */
uintptr_t percpu_take(size_t bytes, size_t align, size_t phase);

/* Gives a place back. `place` must be taken. From now on no pointer to it is live. percpu_lock is held. */
void percpu_put(uintptr_t place);

/* The dynamic pointer to a place of `bytes` that was taken: live from here on. percpu_lock is held. */
uintptr_t percpu_pointer(uintptr_t place, size_t bytes);

/* NULL where percpu_lock is held and the pointer is what percpu_pointer returned, and live; else what is wrong. */
const char *percpu_fault_of_free(uintptr_t pointer);

/* What is wrong with a dynamic pointer that is not live. Takes no lock: a signal handler may ask. */
cold const char *percpu_fault_of_use(uintptr_t pointer);

/* The place of a dynamic pointer, whichever. */
static always_inline uintptr_t percpu_place(uintptr_t pointer)
{
	return pointer & (((uintptr_t)1 << PERCPU_KEY_SHIFT) - 1);
}

/* The four keys of a place's granule; any of them. */
static always_inline _Atomic uint64_t *percpu_keys(uintptr_t place)
{
	return (_Atomic uint64_t *)(round_down(place, (uintptr_t)1 << PERCPU_GRAIN_SHIFT) - PERCPU_STRIDE);
}

static always_inline uint64_t percpu_key(uintptr_t place)
{
	return atomic_load_explicit(percpu_keys(place), memory_order_relaxed) >> PERCPU_KEY_SHIFT;
}

/* True if the address lies in the unit of CPU 0 of a chunk: it has a key. */
static always_inline bool percpu_is_place(uintptr_t address)
{
	uintptr_t page = round_down(address, PERCPU_STRIDE) >> PAGE_SHIFT;
	struct page_block *block = pagemap_block(page);
	return likely(block != NULL) &&
	       atomic_load_explicit(&block->kind[page % BLOCK_PAGES], memory_order_relaxed) == PAGE_PERCPU;
}

/* True if a dynamic pointer, whichever, lies in the slots that it was returned for, and they are not freed. */
static always_inline bool percpu_is_live(uintptr_t pointer)
{
	uintptr_t place = percpu_place(pointer);
	return likely(percpu_is_place(place)) && percpu_key(place) == pointer >> PERCPU_KEY_SHIFT;
}

/* The slot of a CPU, or of none. */
static inline void *percpu_slot(uintptr_t place, unsigned cpu)
{
	return (void *)(place + ((uintptr_t)cpu << RSEQ_STRIDE_SHIFT));
}

/* Chunks that are mapped, and of them those that may hold frames; granules that are taken. Tests the invariant. */
struct percpu_counts {
	size_t chunks;
	size_t dirty_chunks;
	size_t taken_granules;
};
struct percpu_counts percpu_check(void);

#endif
