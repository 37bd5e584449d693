/*
 * libmalloc/percpu.h - per-CPU data: a slot for each CPU. A thread writes to the slot of the CPU on which it runs.
 * lm_percpu_alloc(3).
 *
 * A per-CPU pointer stands for all slots. Only lm_percpu_ptr and lm_percpu_this make an address of it. There are two
 * kinds, which are used alike: dynamic ones, which lm_percpu_alloc returns, and static ones, which are the addresses of
 * variables of LM_DEFINE_PER_CPU. A program that reads or writes through a per-CPU pointer faults, or misses the slots.
 *
 * Each function below reports a dynamic pointer that was freed, and the process stops. It does so even if the slots
 * belong to another allocation by now, except to the 32767th after the pointer's own, the 65534th, and so on. If a call
 * runs at the same time as lm_percpu_free, it may come before it. A pointer is also reported if it lies before its
 * slots, or 8 bytes or more behind them, or if nobody allocated it. But the code that this header puts into the program
 * may fault on a pointer that nobody allocated, and on one that an offset led out of the 64 KiB that hold its slots.
 * The use of an address that lm_percpu_ptr or lm_percpu_this returned is not checked.
 *
 * lm_percpu_add, lm_percpu_xchg and their 32-bit forms are atomic to each other, even if the thread is moved meanwhile.
 * If a slot is written in another way at the same time, that write may be lost, or may make an addition lost.
 */
#ifndef LIBMALLOC_PERCPU_H
#define LIBMALLOC_PERCPU_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * lm_percpu_cpus - how many CPUs the system may ever have; their numbers are 0 to this minus 1. The result does not
 * change; it is that of /sys/devices/system/cpu/possible.
 */
unsigned lm_percpu_cpus(void);

/* lm_percpu_cpu - the number of the CPU on which the thread ran just now. */
unsigned lm_percpu_cpu(void);

enum { LM_PERCPU_SIZE_MAX = 32768, LM_PERCPU_ALIGN_MAX = 4096 }; /* bytes */

/*
 * lm_percpu_alloc - makes zeroed slots. Slots of two CPUs never share a cache line.
 *
 * size: of a slot, in bytes, 1 to LM_PERCPU_SIZE_MAX.  align: in bytes; slots lie at multiples of it; a power of two up
 * to LM_PERCPU_ALIGN_MAX, or 0 for 16.
 * Result: the per-CPU pointer; NULL with EINVAL (a line on standard error says what is right) or ENOMEM.
 */
void *lm_percpu_alloc(size_t size, size_t align);

/*
 * lm_percpu_free - frees the slots. NULL is ignored. A freed pointer, a static variable, and what is not a per-CPU
 * pointer are reported, and the process stops.
 */
void lm_percpu_free(void *percpu);

/*
 * lm_percpu_ptr - the address of the slot of `cpu`. If `cpu` is not below lm_percpu_cpus(), this is reported, and the
 * process stops.
 */
void *lm_percpu_ptr(const void *percpu, unsigned cpu);

/*
 * lm_percpu_this - the address of the slot of the CPU on which the thread runs. The thread may be moved to another CPU
 * at any time; then other threads may write to this slot too.
 */
void *lm_percpu_this(const void *percpu);

/*
 * lm_percpu_add - adds to the 8-byte counter in this CPU's slot. No addition is lost, even if the thread is moved or
 * interrupted meanwhile. May be called in a signal handler.
 *
 * The addition is a restartable sequence if the C library has registered these (rseq(2)), otherwise it is atomic. If
 * the C library could register other threads but not this one, because a filter of system calls was set up before it
 * began, the thread adds to a slot that belongs to no CPU. lm_percpu_sum counts this slot too.
 */
void lm_percpu_add(int64_t *percpu, int64_t amount);

/* lm_percpu_add32 - like lm_percpu_add, for a 4-byte counter. */
void lm_percpu_add32(int32_t *percpu, int32_t amount);

/*
 * lm_percpu_xchg, lm_percpu_xchg32 - put `value` into this CPU's slot, with the promises of lm_percpu_add. Result: the
 * value that was there before.
 */
int64_t lm_percpu_xchg(int64_t *percpu, int64_t value);
int32_t lm_percpu_xchg32(int32_t *percpu, int32_t value);

/* lm_percpu_sum - the sum of a counter over all CPUs. An addition that runs at the same time may be counted or not. */
int64_t lm_percpu_sum(const int64_t *percpu);

/* lm_percpu_sum32 - like lm_percpu_sum, for a 4-byte counter. The sum wraps round as the counters do. */
int32_t lm_percpu_sum32(const int32_t *percpu);

/* lm_percpu_for_each(cpu) - a loop over the numbers of all CPUs; `cpu` is a variable of the type unsigned. */
#define lm_percpu_for_each(cpu) for ((cpu) = 0; (cpu) < lm_percpu_cpus(); (cpu)++)

/*
 * LM_DEFINE_PER_CPU(type, name) - a static per-CPU variable, at file scope:
 *
 *      LM_DEFINE_PER_CPU(int64_t, hits);           begins with 0 on each CPU
 *      LM_DEFINE_PER_CPU(int, level) = 3;          begins with 3 on each CPU
 *      LM_DEFINE_PER_CPU(int, row[3]) = {1, 2, 3}; an array; int[3] as the type makes one as well
 *      static LM_DEFINE_PER_CPU(char, text[20]);   static may stand before it, and changes nothing
 *      LM_DECLARE_PER_CPU(int64_t, hits);          defined in another file of the same program or shared library
 *
 * &name is the per-CPU pointer. Within a program or shared library no two variables may have the same name, even if
 * they are static; the kernel has the same rule. Another library cannot declare them. It can get the pointer as an
 * argument, and use it while the library that defines the variable is loaded. Constructors of default priority may use
 * the variables. Their initial values are constants or addresses. A program or library may have LM_PERCPU_STATIC_MAX
 * bytes of them. If it has more, or if there is no memory for them when it is loaded, the process ends with a line that
 * says so.
 */
#define LM_DEFINE_PER_CPU(type, name) LM_PERCPU_NUMBERED(__COUNTER__, type, name)

#define LM_DECLARE_PER_CPU(type, name) extern __attribute__((visibility("hidden"))) __typeof__(type) name

enum { LM_PERCPU_STATIC_MAX = 57344 }; /* bytes */

/* Parts of LM_DEFINE_PER_CPU: the linker's bounds of the section, and the calls that tell the library of it. */
extern char __start_lm_percpu[] __attribute__((visibility("hidden")));
extern char __stop_lm_percpu[] __attribute__((visibility("hidden")));
struct lm_percpu_here;
void lm_percpu_module_open(const void *start, const void *stop, struct lm_percpu_here *here);
void lm_percpu_module_close(const void *start);

/*
 * The functions are static and have a number in their names, since `name` may be an array. A `static` before the macro
 * applies to the first declaration, LM_PERCPU_NOTHING, which may be static or not. The variable itself is never static,
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

/* In C before 1999, an inline function that is not static is visible to other files. */
#if defined(__GNUC_GNU_INLINE__) && !defined(__cplusplus)
#define LM_PERCPU_NOTHING(name) __attribute__((unused, common)) char name;
#else
#define LM_PERCPU_NOTHING(name) __attribute__((unused)) __inline__ void name(void) {}
#endif

/*
 * What the code below reads; each program and shared library has one. The library writes it: `start`, `bytes` and
 * `delta` in lm_percpu_module_open; `cpus` and then `area` in the first ..._slow call below that finds no area.
 */
struct lm_percpu_here {
	ptrdiff_t area; /* offset of the thread's struct rseq from the thread pointer; 0: none, or not known yet */
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
 * Puts the address of CPU 0's slot into *place and returns the area. Returns 0 if the library must do the whole work.
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
 * The restartable sequence. From label 1 to label 2 the thread stays on the CPU whose number it has read; if it does
 * not, it begins again at label 5. The end takes the descriptor back, since this code may be unmapped later. See
 * linux/rseq.h, and rseq.h in the library's sources.
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

/* Volatile: at the next call the thread may run on another CPU. */
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
