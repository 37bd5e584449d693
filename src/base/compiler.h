/*
 * compiler.h - what nearly every file needs: the types of the standard, atomic accesses, and a few hints for the
 * compiler, under one name for gcc and clang.
 */
#ifndef LM_BASE_COMPILER_H
#define LM_BASE_COMPILER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Atomic accesses that order nothing else: the value stands alone, or a lock guards it. */
#define load_relaxed(at) atomic_load_explicit((at), memory_order_relaxed)
#define store_relaxed(at, value) atomic_store_explicit((at), (value), memory_order_relaxed)
#define add_relaxed(at, more) atomic_fetch_add_explicit((at), (more), memory_order_relaxed)
#define subtract_relaxed(at, less) atomic_fetch_sub_explicit((at), (less), memory_order_relaxed)
#define exchange_relaxed(at, value) atomic_exchange_explicit((at), (value), memory_order_relaxed)

/* Stores `value` in place of *expected, in this order: true. Or false, and *expected is what is there. */
#define replace_atomic(at, expected, value, order) \
	atomic_compare_exchange_strong_explicit((at), (expected), (value), (order), memory_order_relaxed)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))
#define noinline __attribute__((__noinline__))
#define cold __attribute__((__cold__, __noinline__))

/* For symbols of the library's interface; all others are hidden. */
#define LM_EXPORT __attribute__((visibility("default")))

/*
 * For declarations of data. -fvisibility covers definitions only: code in other files would load the address from the
 * global offset table.
 */
#define LM_HIDDEN __attribute__((visibility("hidden")))

/*
 * Data that is written at each start of a program. It stands on a page that the loader writes to as well, since each
 * page that is written costs a page fault.
 */
#define WRITTEN_AT_START __attribute__((section("lm_start")))

/* Debug builds (make DEBUG=1) test the invariants as they go. */
#ifdef LM_DEBUG
enum { DEBUG_CHECKS = 1 };
#else
enum { DEBUG_CHECKS = 0 };
#endif

/* Two variables that different threads write often must not share a cache line. What few misses write may share one. */
#define CACHE_LINE_BYTES 64
#define cache_line_aligned __attribute__((aligned(CACHE_LINE_BYTES)))

#endif
