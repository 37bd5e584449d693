/*
 * percpu_chunk.h - where slots of per-CPU data lie: chunks of one unit for each CPU, at a constant stride, as the
 * kernel's mm/percpu.c has them.
 *
 *      base               base + stride        base + 2 * stride          base + cpus * stride
 *      | unit of CPU 0    | unit of CPU 1      | ...                      | unit of no CPU |
 *      |  slot ..         |  slot ..           |                          |  slot ..       |
 *         ^ place            ^ place + stride
 *
 * A place is the address of CPU 0's slot; all others follow from it. The last unit belongs to threads of which nobody
 * knows the CPU: what they write there is atomic (see percpu.c). Units are 64 KiB apart, so no line is shared.
 *
 * What is taken stands in two bitmaps in the descriptor, a bit for each 8 bytes of a unit: `taken`, and `begins` for
 * the first of each place. Chunks are mapped as needed; one that is empty stays, a second empty one is unmapped.
 *
 * Invariant (percpu_check): taken_granules = bits set in `taken`; each bit of `begins` is set in `taken`; no granule
 * from touched_end on is taken, and those hold zeros in all units.
 *
 * percpu_lock (RANK_PERCPU) guards all chunks. The slots' contents belong to the program.
 */
#ifndef LM_API_PERCPU_CHUNK_H
#define LM_API_PERCPU_CHUNK_H

#include "base/lock.h"
#include "control/fork.h"
#include "os/rseq.h"

#include <stddef.h>
#include <stdint.h>

#define PERCPU_STRIDE ((uintptr_t)1 << RSEQ_STRIDE_SHIFT)

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

/* Gives a place back: NULL, or what is wrong with it (base/report.h), and nothing was done. percpu_lock is held. */
const char *percpu_put(uintptr_t place);

/* The slot of a CPU, or of none. */
static inline void *percpu_slot(uintptr_t place, unsigned cpu)
{
	return (void *)(place + ((uintptr_t)cpu << RSEQ_STRIDE_SHIFT));
}

/* Chunks that are mapped, granules that are taken in them; tests the invariant. */
struct percpu_counts {
	size_t chunks;
	size_t taken_granules;
};
struct percpu_counts percpu_check(void);

#endif
