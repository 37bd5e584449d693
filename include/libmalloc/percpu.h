/*
 * libmalloc/percpu.h - per-CPU data: one slot for each CPU, of which a thread writes that of the CPU it runs on.
 * lm_percpu_alloc(3).
 *
 * A per-CPU pointer names all slots; only lm_percpu_ptr and lm_percpu_this make an address of it. Both kinds,
 * dynamic and static, are used alike: what lm_percpu_alloc returned, and the address of a variable of
 * LM_DEFINE_PER_CPU. A program that reads or writes through one faults, or misses the slots.
 *
 * Each call below reports a dynamic pointer that was freed, and the process stops; also if its slots belong to another
 * allocation, except to the 32767th after its own, the 65534th, and so on. A call that runs at the same time as
 * lm_percpu_free may come before it. A pointer is reported too if it lies before its slots, or 8 bytes or more behind
 * them, or if nobody allocated it. But the code that this header puts into the program may fault on a pointer that
 * nobody allocated, and on one that an offset led out of the 64 KiB that hold its slots. An address that lm_percpu_ptr
 * or lm_percpu_this returned is like any other: its use after lm_percpu_free is not found.
 *
 * lm_percpu_add, lm_percpu_xchg and their 32-bit forms are atomic to each other, also if the thread is moved while one
 * runs. A plain store to a slot from elsewhere at the same time may be lost, or make an addition lost.
 */
#ifndef LIBMALLOC_PERCPU_H
#define LIBMALLOC_PERCPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lm_percpu_cpus - how many CPUs may be: slots exist for 0 to this less one. Constant; from
 * /sys/devices/system/cpu/possible.
 */
unsigned lm_percpu_cpus(void);

/* lm_percpu_cpu - the CPU that the thread ran on just now. */
unsigned lm_percpu_cpu(void);

enum { LM_PERCPU_SIZE_MAX = 32768, LM_PERCPU_ALIGN_MAX = 4096 }; /* bytes */

/*
 * lm_percpu_alloc - zeroed slots of `size` bytes (1 to LM_PERCPU_SIZE_MAX), at multiples of `align` (a power of two up
 * to LM_PERCPU_ALIGN_MAX; 0: 16). Slots of two CPUs never share a cache line. Result: the per-CPU pointer; NULL with
 * EINVAL (and a line that says what was wrong) or ENOMEM.
 */
void *lm_percpu_alloc(size_t size, size_t align);

/*
 * lm_percpu_free - frees the slots. NULL: nothing. A pointer that is free, a static variable, or what is no per-CPU
 * pointer: reported, and the process stops.
 */
void lm_percpu_free(void *percpu);

/* lm_percpu_ptr - the slot of a CPU. No such CPU (lm_percpu_cpus() or more): reported, and the process stops. */
void *lm_percpu_ptr(const void *percpu, unsigned cpu);

/*
 * lm_percpu_this - the slot of the CPU that the thread runs on: it may be moved away at any time, so others may
 * write there too.
 */
void *lm_percpu_this(const void *percpu);

/*
 * lm_percpu_add - adds to the 8-byte counter in this CPU's slot, so that no addition is lost, whenever the thread
 * is moved: by a restartable sequence if the C library has registered one (rseq(2)), otherwise atomically. If the C
 * library could register other threads but not this one (a filter of system calls was set up before it began), the
 * thread adds to a slot that is no CPU's, which lm_percpu_sum counts too. May be called in a signal handler.
 */
void lm_percpu_add(int64_t *percpu, int64_t amount);

/* lm_percpu_add32 - as lm_percpu_add, for a 4-byte counter. */
void lm_percpu_add32(int32_t *percpu, int32_t amount);

/* lm_percpu_xchg, lm_percpu_xchg32 - puts `value` into this CPU's slot, in the same way: what was there. */
int64_t lm_percpu_xchg(int64_t *percpu, int64_t value);
int32_t lm_percpu_xchg32(int32_t *percpu, int32_t value);

/* lm_percpu_sum - the sum of a counter over all CPUs; additions that go on meanwhile are in it or not. */
int64_t lm_percpu_sum(const int64_t *percpu);

/* lm_percpu_sum32 - as lm_percpu_sum, for a 4-byte counter; the sum wraps round as the counters do. */
int32_t lm_percpu_sum32(const int32_t *percpu);

/* lm_percpu_for_each(cpu) - a loop over all CPUs. */
#define lm_percpu_for_each(cpu) for ((cpu) = 0; (cpu) < lm_percpu_cpus(); (cpu)++)

/*
 * LM_DEFINE_PER_CPU(type, name) - a static per-CPU variable, at file scope:
 *
 *      LM_DEFINE_PER_CPU(int64_t, hits);           each CPU's begins with 0
 *      LM_DEFINE_PER_CPU(int, level) = 3;          each CPU's begins with 3
 *      LM_DEFINE_PER_CPU(int, row[3]) = {1, 2, 3}; an array, which int[3] as the type makes as well
 *      static LM_DEFINE_PER_CPU(char, text[20]);   hidden from other files
 *      LM_DECLARE_PER_CPU(int64_t, hits);          defined in another file of the same program or shared library
 *
 * &name is the per-CPU pointer. Names differ within a program or shared library, even static ones (as the kernel asks
 * of its own). Another library does not declare them: it gets the pointer as an argument, and may use it while the
 * defining one is loaded. Constructors of default priority may use the variables; their initial values are constants,
 * and addresses. A program or library may have LM_PERCPU_STATIC_MAX bytes of them. If it has more, or there is no
 * memory for them when it is loaded, the process ends with a line that says so.
 */
#define LM_DEFINE_PER_CPU(type, name) LM_PERCPU_NUMBERED(__COUNTER__, type, name)

#define LM_DECLARE_PER_CPU(type, name) extern __attribute__((visibility("hidden"))) __typeof__(type) name

enum { LM_PERCPU_STATIC_MAX = 57344 }; /* bytes */

/* What LM_DEFINE_PER_CPU is made of: the linker's bounds of the section, and what tells the library of it. */
extern char __start_lm_percpu[] __attribute__((visibility("hidden")));
extern char __stop_lm_percpu[] __attribute__((visibility("hidden")));
struct lm_percpu_here;
void lm_percpu_module_open(const void *start, const void *stop, struct lm_percpu_here *here);
void lm_percpu_module_close(const void *start);

/*
 * The functions have a number of the file in their names, since `name` may be an array, and are static. A `static`
 * before the macro goes to what stands first, which is nothing with it and without; so the variable is never static,
 * but hidden.
 */
#define LM_PERCPU_NUMBERED(number, type, name) LM_PERCPU_DEFINED(number, type, name)
#define LM_PERCPU_DEFINED(number, type, name)                                                                     \
	LM_PERCPU_NOTHING(lm_percpu_nothing_##number)                                                             \
	static __attribute__((constructor(101), used)) void lm_percpu_open_##number(void)                         \
	{                                                                                                         \
		lm_percpu_module_open(__start_lm_percpu, __stop_lm_percpu, &lm_percpu_here);                      \
	}                                                                                                         \
	static __attribute__((destructor(101), used)) void lm_percpu_close_##number(void)                         \
	{                                                                                                         \
		lm_percpu_module_close(__start_lm_percpu);                                                        \
	}                                                                                                         \
	__attribute__((section("lm_percpu"), visibility("hidden"))) __typeof__(type) name

/* In C before 1999 an inline function that is not static is there for other files too. */
#if defined(__GNUC_GNU_INLINE__) && !defined(__cplusplus)
#define LM_PERCPU_NOTHING(name) __attribute__((unused, common)) char name;
#else
#define LM_PERCPU_NOTHING(name) __attribute__((unused)) __inline__ void name(void) {}
#endif

/*
 * What the code below knows, one for each program and shared library. The library writes it: start to delta when the
 * static variables are opened, cpus and then area at the first of the calls below that finds no area.
 */
struct lm_percpu_here {
	ptrdiff_t area; /* the thread's struct rseq from the thread pointer; 0: none, or not known yet */
	unsigned cpus;
	uintptr_t start, bytes; /* of the section */
	uintptr_t delta;        /* from a variable to CPU 0's slot */
};
__attribute__((weak, visibility("hidden"))) struct lm_percpu_here lm_percpu_here;
void lm_percpu_add_slow(int64_t *percpu, int64_t amount, struct lm_percpu_here *here);
void lm_percpu_add32_slow(int32_t *percpu, int32_t amount, struct lm_percpu_here *here);
void *lm_percpu_this_slow(const void *percpu, struct lm_percpu_here *here);

#if defined(__x86_64__) && defined(__LP64__) && defined(__GNUC__) && !defined(LM_PERCPU_OUT_OF_LINE)

enum { LM_PERCPU_STRIDE_SHIFT = 16 }; /* from one CPU's slot to the next, and from CPU 0's back to its key */

/*
 * Puts CPU 0's slot into *place and returns the thread's area. Returns 0 if the library must do the whole work.
 *
 * A dynamic pointer has the highest bit set, which no address has. Its upper 16 bits are its key. Before the unit of
 * CPU 0 lies a unit of keys, in which each 2 bytes are the key of the slots at this offset. If the keys differ, the
 * pointer is not live. `odd` is 1 if the pointer may be odd. If it is 0 and the pointer is odd, the keys differ, and
 * the library compares them again.
 */
extern __inline__ __attribute__((__gnu_inline__, __always_inline__)) ptrdiff_t
lm_percpu_find(const void *percpu, uintptr_t odd, uintptr_t *place)
{
	uintptr_t pointer = (uintptr_t)percpu;
	if (__builtin_expect((intptr_t)pointer < 0, 1)) {
		uintptr_t place_above_key = pointer << 16 | pointer >> 48;
		uintptr_t keys;
		*place = place_above_key >> 16;
		keys = (*place & ~odd) - ((uintptr_t)1 << LM_PERCPU_STRIDE_SHIFT);
		if (__builtin_expect(__atomic_load_n((const uint16_t *)keys, __ATOMIC_RELAXED) !=
					     (uint16_t)place_above_key, 0))
			return 0;
	} else {
		*place = pointer + lm_percpu_here.delta;
		if (pointer - lm_percpu_here.start >= lm_percpu_here.bytes)
			return 0; /* a variable of another library */
	}
	return __atomic_load_n(&lm_percpu_here.area, __ATOMIC_ACQUIRE);
}

/*
 * The restartable sequence: from 1 to 2 the thread is on the CPU whose number it has read, or begins again at 5. Its
 * descriptor is taken back at the end, as this code may be unmapped later; see linux/rseq.h, and os/rseq.h in the
 * library's sources.
 */
#define LM_PERCPU_ADD(type, name, suffix)                                                                         \
	extern __inline__ __attribute__((__gnu_inline__, __always_inline__)) void name(type *percpu, type amount)     \
	{                                                                                                         \
		uintptr_t place;                                                                                  \
		ptrdiff_t area = lm_percpu_find(percpu, 0, &place);                                               \
		if (__builtin_expect(area == 0, 0))                                                               \
			goto call;                                                                                \
		__asm__ goto(".pushsection __rseq_cs, \"aw\"\n\t"                                                \
			     ".balign 32\n"                                                                       \
			     "3:\t.long 0, 0\n\t"                                                                \
			     ".quad 1f, 2f - 1f, 4f\n\t"                                                          \
			     ".popsection\n"                                                                      \
			     "5:\tleaq 3b(%%rip), %%rax\n\t"                                                     \
			     "movq %%rax, %%fs:8(%[area])\n"                                                      \
			     "1:\tmovl %%fs:4(%[area]), %%eax\n\t"                                               \
			     "cmpl %[cpus], %%eax\n\t"                                                           \
			     "jae %l[call]\n\t"                                                                  \
			     "shlq %[shift], %%rax\n\t"                                                          \
			     "add" suffix " %[amount], (%[place],%%rax)\n"                                        \
			     "2:\tmovq $0, %%fs:8(%[area])\n\t"                                                  \
			     ".pushsection __rseq_failure, \"ax\"\n\t"                                           \
			     ".byte 0x0f, 0xb9, 0x3d\n\t"                                                        \
			     ".long 0x53053053\n" /* RSEQ_SIG */                                                  \
			     "4:\tjmp 5b\n\t"                                                                    \
			     ".popsection"                                                                        \
			     :                                                                                    \
			     : [area] "r"(area), [cpus] "rm"(lm_percpu_here.cpus), [place] "r"(place),            \
			       [amount] "er"(amount), [shift] "i"(LM_PERCPU_STRIDE_SHIFT)                         \
			     : "rax", "memory", "cc"                                                              \
			     : call);                                                                             \
		return;                                                                                           \
	call:                                                                                                     \
		name##_slow(percpu, amount, &lm_percpu_here);                                                    \
	}

LM_PERCPU_ADD(int64_t, lm_percpu_add, "q")
LM_PERCPU_ADD(int32_t, lm_percpu_add32, "l")
#undef LM_PERCPU_ADD

/* Volatile: at the next call the thread may be elsewhere. */
extern __inline__ __attribute__((__gnu_inline__, __always_inline__)) void *lm_percpu_this(const void *percpu)
{
	uintptr_t place;
	ptrdiff_t area = lm_percpu_find(percpu, 1, &place);
	if (__builtin_expect(area != 0, 1)) {
		unsigned cpu;
		__asm__ __volatile__("movl %%fs:4(%[area]), %[cpu]" : [cpu] "=r"(cpu) : [area] "r"(area));
		if (__builtin_expect(cpu < lm_percpu_here.cpus, 1))
			return (void *)(place + ((uintptr_t)cpu << LM_PERCPU_STRIDE_SHIFT));
	}
	return lm_percpu_this_slow(percpu, &lm_percpu_here);
}

#endif

#ifdef __cplusplus
}
#endif

#endif
