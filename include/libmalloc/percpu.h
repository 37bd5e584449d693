/*
 * libmalloc/percpu.h - per-CPU data: one slot for each CPU, of which a thread writes that of the CPU it runs on.
 * lm_percpu_alloc(3).
 *
 * A per-CPU pointer names all slots; only lm_percpu_ptr and lm_percpu_this make an address of it. Both kinds,
 * dynamic and static, are used alike.
 */
#ifndef LIBMALLOC_PERCPU_H
#define LIBMALLOC_PERCPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* lm_percpu_cpus - how many CPUs may be: slots exist for 0 to this less one. Constant. */
unsigned lm_percpu_cpus(void);

/* lm_percpu_cpu - the CPU that the thread ran on just now. */
unsigned lm_percpu_cpu(void);

enum { LM_PERCPU_SIZE_MAX = 32768, LM_PERCPU_ALIGN_MAX = 4096 }; /* bytes */

/*
 * lm_percpu_alloc - zeroed slots of `size` bytes, at multiples of `align` (a power of two; 0: 16). Slots of two
 * CPUs never share a cache line. Result: the per-CPU pointer; NULL with EINVAL or ENOMEM.
 */
void *lm_percpu_alloc(size_t size, size_t align);

/* lm_percpu_free - NULL: nothing. No such pointer, or one that is free: reported, and the process stops. */
void lm_percpu_free(void *percpu);

/* lm_percpu_ptr - the slot of a CPU, below lm_percpu_cpus(). */
void *lm_percpu_ptr(const void *percpu, unsigned cpu);

/*
 * lm_percpu_this - the slot of the CPU that the thread runs on: it may be moved away at any time, so others may
 * write there too.
 */
void *lm_percpu_this(const void *percpu);

/*
 * lm_percpu_add - adds to the 8-byte counter in this CPU's slot, so that no addition is lost, whenever the thread
 * is moved: by a restartable sequence where the C library has registered one (rseq(2)), else atomically.
 */
void lm_percpu_add(int64_t *percpu, int64_t amount);

/* lm_percpu_sum - the sum of a counter over all CPUs; additions that go on meanwhile are in it or not. */
int64_t lm_percpu_sum(const int64_t *percpu);

/* lm_percpu_for_each(cpu) - a loop over all CPUs. */
#define lm_percpu_for_each(cpu) for ((cpu) = 0; (cpu) < lm_percpu_cpus(); (cpu)++)

#ifdef __cplusplus
}
#endif

#endif
