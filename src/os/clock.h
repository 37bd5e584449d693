/*
 * clock.h - time that has passed, to a few milliseconds.
 */
#ifndef LM_OS_CLOCK_H
#define LM_OS_CLOCK_H

#include <stdint.h>

/*
 * Microseconds since some moment, by CLOCK_MONOTONIC_COARSE of clock_gettime(2), with no system call. Always the same
 * number where the kernel maps no vdso(7).
 */
uint64_t os_clock_us(void);

#endif
