/*
 * compiler.h - the few compiler hints that the code uses, under one name for gcc and clang.
 */
#ifndef LM_BASE_COMPILER_H
#define LM_BASE_COMPILER_H

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define always_inline inline __attribute__((always_inline))
#define noinline __attribute__((__noinline__))
#define cold __attribute__((__cold__, __noinline__))

/* A symbol of the library's interface; everything else is built with hidden visibility. */
#define LM_EXPORT __attribute__((visibility("default")))

/*
 * Says so where data is declared, for code outside of its file: -fvisibility covers definitions only, and the compiler
 * would fetch the address from the global offset table first.
 */
#define LM_HIDDEN __attribute__((visibility("hidden")))

/* Debug builds (make DEBUG=1) test the invariants as they go. */
#ifdef LM_DEBUG
enum { DEBUG_CHECKS = 1 };
#else
enum { DEBUG_CHECKS = 0 };
#endif

/* Two variables that different threads write must not share a line (and its prefetched neighbour). */
#define CACHE_LINE_BYTES 64
#define cache_line_aligned __attribute__((aligned(CACHE_LINE_BYTES)))

#endif
