/*
 * percpu.c - per-CPU data: the functions of libmalloc/percpu.h.
 *
 * A dynamic per-CPU pointer is its place under a key (percpu_chunk.h). The highest bit of the key is set, which no
 * address of a program has: so the pointer differs from the address of a static variable, and faults if it is used as
 * an address. Each use compares the key with that of the place, and reports a pointer that is not live.
 *
 * How slots are written is decided once for the process:
 *
 *      restartable sequences    Threads on the slot's CPU write, each by a sequence whose last instruction alone
 *                               writes. It is not atomic against other CPUs: so a thread that the C library could not
 *                               register, whose CPU is not known, writes atomically to the unit of no CPU.
 *      none                     All threads write atomically. A thread that is moved writes to its last CPU's slot.
 *
 * The additions and lm_percpu_this stand in the header as well, and the compiler puts them into the program: they take
 * a third of the time of a call. This code learns from the program's struct lm_percpu_here where the area is, and where
 * the slots of the program's own static variables are. It leaves all else to lm_percpu_..._slow, also each pointer that
 * is not live. So compiled programs know the 64 KiB from slot to slot, where the keys are, and that struct. A change of
 * these must change the names of the functions too. Then the loader ends a program that was compiled before, since a
 * symbol is missing: each such program calls one of the functions before it computes an address.
 *
 * Relaxed throughout: a counter orders nothing.
 */
#define LM_PERCPU_OUT_OF_LINE /* its functions are defined here */
#include "base/bits.h"
#include "ext/percpu_chunk.h"
#include "ext/percpu_module.h"
#include "heap/flags.h"
#include "os/cpu.h"
#include "os/report.h"

#include <libmalloc/percpu.h>
#include <stdlib.h>

_Static_assert(RSEQ_STRIDE_SHIFT == 16 && PERCPU_KEY_SHIFT == 48, "programs know them: libmalloc/percpu.h");

enum { ALIGN_USUAL = 16, ALIGN_MIN = 8 };

/* Of a counter: a constant wherever a function is inlined. */
enum width { WIDTH_32, WIDTH_64 };

static bool is_dynamic(const void *percpu) { return (intptr_t)percpu < 0; }

static cold _Noreturn void report_dead(const void *percpu, const char *function)
{
	report_bad_pointer(percpu_fault_of_dead((uintptr_t)percpu, REPORT_PERCPU_FREED), percpu, function);
}

static cold _Noreturn void report_no_cpu(size_t cpu)
{
	report_warning(REPORT_NO_CPU ": %zu, there are %zu (lm_percpu_ptr)", cpu, (size_t)percpu_cpus());
	abort();
}

static always_inline uintptr_t place_of_dynamic(const void *percpu, const char *function)
{
	if (unlikely(!percpu_is_live((uintptr_t)percpu)))
		report_dead(percpu, function);
	return percpu_place((uintptr_t)percpu);
}

static uintptr_t place_of_static(const void *percpu, const char *function)
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

/* Both are right once there is a place. */
static always_inline unsigned cpus(void) { return load_relaxed(&percpu_cpus_known); }

static always_inline ptrdiff_t area(void) { return load_relaxed(&percpu_rseq_area); }

/* The slot to write atomically if a sequence did nothing. */
static void *atomic_slot(uintptr_t place)
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

LM_EXPORT cold void *lm_percpu_alloc(size_t size, size_t align)
{
	align = align == 0 ? ALIGN_USUAL : align;
	if (size == 0 || size > LM_PERCPU_SIZE_MAX)
		return refuse("lm_percpu_alloc", REFUSED_PERCPU_SIZE);
	if (!is_power_of_two(align) || align > LM_PERCPU_ALIGN_MAX)
		return refuse("lm_percpu_alloc", REFUSED_ALIGN);
	lock_acquire(&percpu_lock, RANK_PERCPU);
	uintptr_t place = percpu_take(size, size_max(align, ALIGN_MIN), 0);
	uintptr_t pointer = place == 0 ? 0 : percpu_pointer(place, size);
	lock_release(&percpu_lock, RANK_PERCPU);
	return pointer != 0 ? (void *)pointer : no_memory();
}

LM_EXPORT cold void lm_percpu_free(void *percpu)
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
		report_no_cpu(cpu);
	return percpu_slot(place, cpu);
}

LM_EXPORT void *lm_percpu_this(const void *percpu)
{
	return percpu_slot(place_of(percpu, "lm_percpu_this"), lm_percpu_cpu());
}

static noinline void add_atomically(uintptr_t place, int64_t amount, enum width width)
{
	void *slot = atomic_slot(place);
	if (width == WIDTH_64)
		add_relaxed((_Atomic int64_t *)slot, amount);
	else
		add_relaxed((_Atomic int32_t *)slot, (int32_t)amount);
}

/* Without an area, none of the functions of rseq.h may be called. */
static always_inline void add_at(uintptr_t place, int64_t amount, enum width width)
{
	ptrdiff_t where = area();
	uint32_t count = cpus();
	uint32_t cpu = count;
	if (likely(where != 0) && width == WIDTH_64)
		rseq_add64(place, amount, where, count, &cpu);
	else if (likely(where != 0))
		rseq_add32(place, (int32_t)amount, where, count, &cpu);
	if (unlikely(cpu >= count))
		add_atomically(place, amount, width);
}

static cold void add_static(const void *percpu, int64_t amount, enum width width)
{
	add_at(place_of_static(percpu, width == WIDTH_64 ? "lm_percpu_add" : "lm_percpu_add32"), amount, width);
}

LM_EXPORT void lm_percpu_add(int64_t *percpu, int64_t amount)
{
	if (likely(is_dynamic(percpu)))
		add_at(place_of_dynamic(percpu, "lm_percpu_add"), amount, WIDTH_64);
	else
		add_static(percpu, amount, WIDTH_64);
}

LM_EXPORT void lm_percpu_add32(int32_t *percpu, int32_t amount)
{
	if (likely(is_dynamic(percpu)))
		add_at(place_of_dynamic(percpu, "lm_percpu_add32"), amount, WIDTH_32);
	else
		add_static(percpu, amount, WIDTH_32);
}

/* Called after a use: the pointer was right, so the area is known. Release pairs with the header's acquire. */
static void publish_area(struct lm_percpu_here *here)
{
	if (area() == 0 || __atomic_load_n(&here->area, __ATOMIC_RELAXED) != 0)
		return;
	__atomic_store_n(&here->cpus, cpus(), __ATOMIC_RELAXED);
	__atomic_store_n(&here->area, area(), __ATOMIC_RELEASE);
}

LM_EXPORT void lm_percpu_add_slow(int64_t *percpu, int64_t amount, struct lm_percpu_here *here)
{
	lm_percpu_add(percpu, amount);
	publish_area(here);
}

LM_EXPORT void lm_percpu_add32_slow(int32_t *percpu, int32_t amount, struct lm_percpu_here *here)
{
	lm_percpu_add32(percpu, amount);
	publish_area(here);
}

LM_EXPORT void *lm_percpu_this_slow(const void *percpu, struct lm_percpu_here *here)
{
	void *slot = lm_percpu_this(percpu);
	publish_area(here);
	return slot;
}

static noinline int64_t exchange_atomically(uintptr_t place, int64_t value, enum width width)
{
	void *slot = atomic_slot(place);
	if (width == WIDTH_64)
		return exchange_relaxed((_Atomic int64_t *)slot, value);
	return exchange_relaxed((_Atomic int32_t *)slot, (int32_t)value);
}

static always_inline int64_t exchange_at(uintptr_t place, int64_t value, enum width width)
{
	ptrdiff_t where = area();
	uint32_t count = cpus();
	uint32_t cpu = count;
	int64_t before = 0;
	if (likely(where != 0) && width == WIDTH_64)
		before = rseq_xchg64(place, value, where, count, &cpu);
	else if (likely(where != 0))
		before = rseq_xchg32(place, (int32_t)value, where, count, &cpu);
	return likely(cpu < count) ? before : exchange_atomically(place, value, width);
}

LM_EXPORT int64_t lm_percpu_xchg(int64_t *percpu, int64_t value)
{
	return exchange_at(place_of(percpu, "lm_percpu_xchg"), value, WIDTH_64);
}

LM_EXPORT int32_t lm_percpu_xchg32(int32_t *percpu, int32_t value)
{
	return (int32_t)exchange_at(place_of(percpu, "lm_percpu_xchg32"), value, WIDTH_32);
}

/* The unit of no CPU is one more. Unsigned: the sum may wrap round. */
static uint64_t sum_at(uintptr_t place, enum width width)
{
	uint64_t sum = 0;
	for (unsigned cpu = 0; cpu <= cpus(); cpu++) {
		void *slot = percpu_slot(place, cpu);
		if (width == WIDTH_64)
			sum += load_relaxed((_Atomic uint64_t *)slot);
		else
			sum += load_relaxed((_Atomic uint32_t *)slot);
	}
	return sum;
}

LM_EXPORT cold int64_t lm_percpu_sum(const int64_t *percpu)
{
	return (int64_t)sum_at(place_of(percpu, "lm_percpu_sum"), WIDTH_64);
}

LM_EXPORT cold int32_t lm_percpu_sum32(const int32_t *percpu)
{
	return (int32_t)(uint32_t)sum_at(place_of(percpu, "lm_percpu_sum32"), WIDTH_32);
}
