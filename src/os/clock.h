/* clock.h - a clock that is right to a few milliseconds. */
#ifndef LM_OS_CLOCK_H
#define LM_OS_CLOCK_H

#include "base/compiler.h"

/*
 * Microseconds since a fixed moment, by CLOCK_MONOTONIC_COARSE of clock_gettime(2), without a system call. Always the
 * same number if the kernel maps no vdso(7).
 */
uint64_t os_clock_us(void);

#endif
