/*
 * percpu.c - per-CPU data: see libmalloc/percpu.h.
 *
 * A dynamic per-CPU pointer is its place under a key (percpu_chunk.h). The highest bit of the key is set, which no
 * address of a program has: so the pointer differs from the address of a static variable, and faults if it is used as
 * an address. Each use compares the key with that of the place, and reports a pointer that is not live.
 *
 * Who writes a slot how, decided once for the process:
 *
 *      restartable sequences    threads on the slot's CPU, each by a sequence whose last instruction alone writes.
 *                               Not atomic against other CPUs: so a thread without a CPU, for which the C library
 *                               could not register, writes the unit that is no CPU's, atomically.
 *      none                     anyone, atomically: a thread that was moved since it asked writes its last CPU's slot.
 *
 * The additions and lm_percpu_this stand in the header as well, where the compiler puts them into the program: a third
 * of the time of a call. That code asks nobody: the program's struct lm_percpu_here tells it where the area is, and
 * where the slots of its own static variables are. All else, and each pointer that is not live, it leaves to
 * lm_percpu_..._slow. So 64 KiB from slot to slot, where the keys are, and that struct are part of what compiled
 * programs know. Whoever changes these changes the names of the functions too. Then the loader ends a program that was
 * compiled before, as a symbol is missing: each such program calls one of them before it computes an address.
 *
 * Relaxed throughout: a counter orders nothing.
 */
#define LM_PERCPU_OUT_OF_LINE /* its functions are defined here */
#include "api/percpu_chunk.h"
#include "api/percpu_module.h"
#include "api/refuse.h"
#include "base/bits.h"
#include "base/report.h"
#include <libmalloc/percpu.h>
#include "os/cpu.h"

#include <errno.h>

_Static_assert(RSEQ_STRIDE_SHIFT == 16 && PERCPU_KEY_SHIFT == 48, "programs know them: libmalloc/percpu.h");

enum { ALIGN_USUAL = 16, ALIGN_MIN = 8 };

static bool is_dynamic(const void *percpu) { return (intptr_t)percpu < 0; }

static noinline cold _Noreturn void report_dead(const void *percpu, const char *function)
{
	report_bad_pointer(percpu_fault_of_use((uintptr_t)percpu), percpu, function);
}

static always_inline uintptr_t place_of_dynamic(const void *percpu, const char *function)
{
	if (unlikely(!percpu_is_live((uintptr_t)percpu)))
		report_dead(percpu, function);
	return percpu_place((uintptr_t)percpu);
}

static always_inline uintptr_t place_of_static(const void *percpu, const char *function)
{
	uintptr_t place = percpu_module_place((uintptr_t)percpu);
	if (unlikely(place == 0))
		report_bad_pointer(REPORT_NEVER_ALLOCATED, percpu, function);
	return place;
}

static uintptr_t place_of(const void *percpu, const char *function)
{
	return likely(is_dynamic(percpu)) ? place_of_dynamic(percpu, function) : place_of_static(percpu, function);
}

/* The two below are for who has a place. */
static always_inline unsigned cpus(void) { return atomic_load_explicit(&percpu_cpus_known, memory_order_relaxed); }

static always_inline ptrdiff_t area(void) { return atomic_load_explicit(&percpu_rseq_area, memory_order_relaxed); }

/* The slot to write atomically where a sequence did nothing. */
static noinline void *atomic_slot(uintptr_t place)
{
	return percpu_slot(place, area() != 0 ? cpus() : os_cpu_now() % cpus());
}

LM_EXPORT unsigned lm_percpu_cpus(void) { return percpu_cpus(); }

LM_EXPORT unsigned lm_percpu_cpu(void)
{
	unsigned count = percpu_cpus();
	unsigned cpu = likely(area() != 0) ? rseq_cpu(area()) : count;
	return likely(cpu < count) ? cpu : os_cpu_now() % count;
}

/* NULL, or why there cannot be such slots. */
static const char *fault_of_request(size_t size, size_t align)
{
	if (size == 0 || size > LM_PERCPU_SIZE_MAX)
		return REFUSED_PERCPU_SIZE;
	if (!is_power_of_two(align) || align > LM_PERCPU_ALIGN_MAX)
		return REFUSED_ALIGN;
	return NULL;
}

LM_EXPORT void *lm_percpu_alloc(size_t size, size_t align)
{
	if (align == 0)
		align = ALIGN_USUAL;
	const char *fault = fault_of_request(size, align);
	if (fault != NULL)
		return refuse("lm_percpu_alloc", fault);
	lock_acquire(&percpu_lock, RANK_PERCPU);
	uintptr_t place = percpu_take(size, size_max(align, ALIGN_MIN), 0);
	uintptr_t pointer = place == 0 ? 0 : percpu_pointer(place, size);
	lock_release(&percpu_lock, RANK_PERCPU);
	if (pointer == 0)
		errno = ENOMEM;
	return (void *)pointer;
}

LM_EXPORT void lm_percpu_free(void *percpu)
{
	const char *fault = REPORT_NEVER_ALLOCATED;
	if (percpu == NULL)
		return;
	if (is_dynamic(percpu)) {
		lock_acquire(&percpu_lock, RANK_PERCPU);
		fault = percpu_fault_of_free((uintptr_t)percpu);
		if (fault == NULL)
			percpu_put(percpu_place((uintptr_t)percpu));
		lock_release(&percpu_lock, RANK_PERCPU);
	}
	if (fault != NULL)
		report_bad_pointer(fault, percpu, "lm_percpu_free");
}

LM_EXPORT void *lm_percpu_ptr(const void *percpu, unsigned cpu)
{
	uintptr_t place = place_of(percpu, "lm_percpu_ptr");
	if (unlikely(cpu >= cpus()))
		report_bad_pointer(REPORT_NO_CPU, percpu, "lm_percpu_ptr");
	return percpu_slot(place, cpu);
}

LM_EXPORT void *lm_percpu_this(const void *percpu)
{
	return percpu_slot(place_of(percpu, "lm_percpu_this"), lm_percpu_cpu());
}

/* With no area, none of the functions of rseq.h may be called. */
static noinline void add64_atomically(uintptr_t place, int64_t amount)
{
	atomic_fetch_add_explicit((_Atomic int64_t *)atomic_slot(place), amount, memory_order_relaxed);
}

static always_inline void add64_at(uintptr_t place, int64_t amount)
{
	ptrdiff_t where = area();
	uint32_t count = cpus();
	uint32_t cpu = count;
	if (likely(where != 0))
		rseq_add64(place, amount, where, count, &cpu);
	if (unlikely(cpu >= count))
		add64_atomically(place, amount);
}

static noinline void add64_static(int64_t *percpu, int64_t amount)
{
	add64_at(place_of_static(percpu, "lm_percpu_add"), amount);
}

LM_EXPORT void lm_percpu_add(int64_t *percpu, int64_t amount)
{
	if (likely(is_dynamic(percpu)))
		add64_at(place_of_dynamic(percpu, "lm_percpu_add"), amount);
	else
		add64_static(percpu, amount);
}

static noinline void add32_atomically(uintptr_t place, int32_t amount)
{
	atomic_fetch_add_explicit((_Atomic int32_t *)atomic_slot(place), amount, memory_order_relaxed);
}

static always_inline void add32_at(uintptr_t place, int32_t amount)
{
	ptrdiff_t where = area();
	uint32_t count = cpus();
	uint32_t cpu = count;
	if (likely(where != 0))
		rseq_add32(place, amount, where, count, &cpu);
	if (unlikely(cpu >= count))
		add32_atomically(place, amount);
}

static noinline void add32_static(int32_t *percpu, int32_t amount)
{
	add32_at(place_of_static(percpu, "lm_percpu_add32"), amount);
}

LM_EXPORT void lm_percpu_add32(int32_t *percpu, int32_t amount)
{
	if (likely(is_dynamic(percpu)))
		add32_at(place_of_dynamic(percpu, "lm_percpu_add32"), amount);
	else
		add32_static(percpu, amount);
}

/* At the end: the pointer was right, so there is something to tell. Release pairs with the header's acquire. */
static void tell(struct lm_percpu_here *here)
{
	if (area() == 0 || __atomic_load_n(&here->area, __ATOMIC_RELAXED) != 0)
		return;
	__atomic_store_n(&here->cpus, cpus(), __ATOMIC_RELAXED);
	__atomic_store_n(&here->area, area(), __ATOMIC_RELEASE);
}

LM_EXPORT void lm_percpu_add_slow(int64_t *percpu, int64_t amount, struct lm_percpu_here *here)
{
	lm_percpu_add(percpu, amount);
	tell(here);
}

LM_EXPORT void lm_percpu_add32_slow(int32_t *percpu, int32_t amount, struct lm_percpu_here *here)
{
	lm_percpu_add32(percpu, amount);
	tell(here);
}

LM_EXPORT void *lm_percpu_this_slow(const void *percpu, struct lm_percpu_here *here)
{
	void *slot = lm_percpu_this(percpu);
	tell(here);
	return slot;
}

LM_EXPORT int64_t lm_percpu_xchg(int64_t *percpu, int64_t value)
{
	uintptr_t place = place_of(percpu, "lm_percpu_xchg");
	ptrdiff_t where = area();
	uint32_t count = cpus();
	uint32_t cpu = count;
	int64_t before = 0;
	if (likely(where != 0))
		before = rseq_xchg64(place, value, where, count, &cpu);
	if (likely(cpu < count))
		return before;
	return atomic_exchange_explicit((_Atomic int64_t *)atomic_slot(place), value, memory_order_relaxed);
}

LM_EXPORT int32_t lm_percpu_xchg32(int32_t *percpu, int32_t value)
{
	uintptr_t place = place_of(percpu, "lm_percpu_xchg32");
	ptrdiff_t where = area();
	uint32_t count = cpus();
	uint32_t cpu = count;
	int32_t before = 0;
	if (likely(where != 0))
		before = rseq_xchg32(place, value, where, count, &cpu);
	if (likely(cpu < count))
		return before;
	return atomic_exchange_explicit((_Atomic int32_t *)atomic_slot(place), value, memory_order_relaxed);
}

/* The unit of no CPU is one more. Unsigned: the sum may wrap round. */
LM_EXPORT int64_t lm_percpu_sum(const int64_t *percpu)
{
	uintptr_t place = place_of(percpu, "lm_percpu_sum");
	uint64_t sum = 0;
	for (unsigned cpu = 0; cpu <= cpus(); cpu++) {
		_Atomic int64_t *slot = percpu_slot(place, cpu);
		sum += (uint64_t)atomic_load_explicit(slot, memory_order_relaxed);
	}
	return (int64_t)sum;
}

LM_EXPORT int32_t lm_percpu_sum32(const int32_t *percpu)
{
	uintptr_t place = place_of(percpu, "lm_percpu_sum32");
	uint32_t sum = 0;
	for (unsigned cpu = 0; cpu <= cpus(); cpu++) {
		_Atomic int32_t *slot = percpu_slot(place, cpu);
		sum += (uint32_t)atomic_load_explicit(slot, memory_order_relaxed);
	}
	return (int32_t)sum;
}
