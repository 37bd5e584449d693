/* cpu.h - which CPUs there may be, and which one the thread runs on. */
#ifndef LM_OS_CPU_H
#define LM_OS_CPU_H

#include "base/compiler.h"

/*
 * One more than the highest number of a CPU that may ever be there, from /sys/devices/system/cpu/possible. If that
 * cannot be read: one more than the highest number of a CPU on which the thread may run. At least 1. The file is read
 * at each call; nothing is allocated.
 */
cold unsigned os_cpu_count(void);

/* The CPU that the thread ran on just now, by getcpu(2). */
unsigned os_cpu_now(void);

#endif
