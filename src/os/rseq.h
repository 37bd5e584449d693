/*
 * rseq.h - restartable sequences: a few instructions on data of the CPU on which the thread runs. The last instruction
 * takes effect only if the thread was neither moved nor interrupted since the first one (linux/rseq.h, rseq(2); glibc's
 * manual, "Restartable Sequences").
 *
 *      5:  the thread's rseq_cs = descriptor        The kernel reads rseq_cs whenever it takes the CPU from the thread
 *      1:  cpu = the thread's cpu_id                or delivers a signal. If the next instruction is in [1, 2), the
 *          not below `cpus`? to 2                   thread goes on at 4, and so starts again.
 *          slot[cpu] changes
 *      2:
 *
 *      descriptor  { version 0, flags 0, first 1, bytes 2 - 1, abort 4 }      section __rseq_cs
 *      RSEQ_SIG  4: jump to 5                                                 the kernel wants the signature before 4
 *
 * The first instruction of [1, 2) follows the store at once: between them the kernel would find the thread outside of
 * [1, 2), and clear rseq_cs. After 2 rseq_cs stays set, which does no harm: this code is never unmapped, and the kernel
 * clears rseq_cs when it next reads it.
 *
 * The C library registers each thread's area; in glibc 2.35 and later it lies at rseq_area() from the thread pointer.
 * Each function takes `base`, the address of CPU 0's slot, and puts the CPU into *cpu. If *cpu is `cpus` or more (also
 * as a negative number), the thread has no CPU, and nothing was done.
 */
#ifndef LM_OS_RSEQ_H
#define LM_OS_RSEQ_H

#include "base/compiler.h"

enum { RSEQ_STRIDE_SHIFT = 16 }; /* from one CPU's slot to the next: 64 KiB, more than any cache line or page */

/* The offset of the thread's area from the thread pointer; 0 if there is none. The same for all threads. */
cold ptrdiff_t rseq_area(void);

#if defined(__x86_64__)

enum { RSEQ_IS_WRITTEN = 1 };

#define RSEQ_BEGIN                                                                                            \
	".pushsection __rseq_cs, \"aw\"\n\t"                                                                  \
	".balign 32\n"                                                                                        \
	"3:\t.long 0, 0\n\t"                                                                                  \
	".quad 1f, 2f - 1f, 4f\n\t"                                                                           \
	".popsection\n"                                                                                       \
	"5:\tleaq 3b(%%rip), %[offset]\n\t"                                                                   \
	"movq %[offset], %%fs:8(%[area])\n"                                                                   \
	"1:\tmovl %%fs:4(%[area]), %k[cpu]\n\t"                                                               \
	"cmpl %[cpus], %k[cpu]\n\t"                                                                           \
	"jae 2f\n\t"                                                                                          \
	"movq %q[cpu], %[offset]\n\t"                                                                         \
	"shlq %[shift], %[offset]\n\t"

/* 0x53053053 is RSEQ_SIG; with the bytes before it, it reads as an instruction that faults. */
#define RSEQ_END                                                                                              \
	"\n2:\n\t"                                                                                            \
	".pushsection __rseq_failure, \"ax\"\n\t"                                                             \
	".byte 0x0f, 0xb9, 0x3d\n\t"                                                                          \
	".long 0x53053053\n"                                                                                  \
	"4:\tjmp 5b\n\t"                                                                                      \
	".popsection"

/* *slot[cpu] += amount. */
#define RSEQ_ADD(name, type, suffix)                                                                          \
	static always_inline void name(uintptr_t base, type amount, ptrdiff_t area, uint32_t cpus, uint32_t *cpu) \
	{                                                                                                     \
		uintptr_t offset;                                                                             \
		__asm__ volatile(RSEQ_BEGIN "add" suffix " %[amount], (%[base],%[offset])" RSEQ_END           \
				 : [cpu] "=&r"(*cpu), [offset] "=&r"(offset)                                  \
				 : [area] "r"(area), [cpus] "r"(cpus), [base] "r"(base), [amount] "r"(amount), \
				   [shift] "i"(RSEQ_STRIDE_SHIFT)                                             \
				 : "memory", "cc");                                                           \
	}

/* Puts `value` into slot[cpu]: what was there before; undefined if nothing was done. */
#define RSEQ_XCHG(name, type, suffix)                                                                         \
	static always_inline type name(uintptr_t base, type value, ptrdiff_t area, uint32_t cpus, uint32_t *cpu) \
	{                                                                                                     \
		uintptr_t offset;                                                                             \
		type before;                                                                                  \
		__asm__ volatile(RSEQ_BEGIN "mov" suffix " (%[base],%[offset]), %[before]\n\t"                \
					    "mov" suffix " %[value], (%[base],%[offset])" RSEQ_END            \
				 : [cpu] "=&r"(*cpu), [offset] "=&r"(offset), [before] "=&r"(before)          \
				 : [area] "r"(area), [cpus] "r"(cpus), [base] "r"(base), [value] "r"(value),  \
				   [shift] "i"(RSEQ_STRIDE_SHIFT)                                             \
				 : "memory", "cc");                                                           \
		return before;                                                                                \
	}

/* The thread's CPU as the kernel last wrote it; a number that is no CPU if the thread has no area. */
static always_inline uint32_t rseq_cpu(ptrdiff_t area)
{
	uint32_t cpu;
	__asm__ volatile("movl %%fs:4(%[area]), %[cpu]" : [cpu] "=r"(cpu) : [area] "r"(area));
	return cpu;
}

#else

/* Sequences are not written for this machine: there is no area, and the callers use atomic instructions. */
enum { RSEQ_IS_WRITTEN = 0 };
#define RSEQ_ADD(name, type, suffix)                                                                          \
	static always_inline void name(uintptr_t base, type amount, ptrdiff_t area, uint32_t cpus, uint32_t *cpu) \
	{                                                                                                     \
		(void)base, (void)amount, (void)area, (void)cpus;                                             \
		*cpu = UINT32_MAX;                                                                            \
	}
#define RSEQ_XCHG(name, type, suffix)                                                                         \
	static always_inline type name(uintptr_t base, type value, ptrdiff_t area, uint32_t cpus, uint32_t *cpu) \
	{                                                                                                     \
		(void)base, (void)area, (void)cpus;                                                           \
		*cpu = UINT32_MAX;                                                                            \
		return value;                                                                                 \
	}
static always_inline uint32_t rseq_cpu(ptrdiff_t area)
{
	(void)area;
	return UINT32_MAX;
}

#endif

RSEQ_ADD(rseq_add64, int64_t, "q")
RSEQ_ADD(rseq_add32, int32_t, "l")
RSEQ_XCHG(rseq_xchg64, int64_t, "q")
RSEQ_XCHG(rseq_xchg32, int32_t, "l")

#endif
