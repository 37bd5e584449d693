/*
 * cpu.h - which CPUs there may be, and which one the thread runs on.
 */
#ifndef LM_OS_CPU_H
#define LM_OS_CPU_H

/*
 * One more than the highest number of a CPU that may ever be there, from /sys/devices/system/cpu/possible; where that
 * cannot be read, than the highest on which the thread may run. 1 at least. Read anew at each call; allocates nothing.
 */
unsigned os_cpu_count(void);

/* The CPU that the thread ran on just now, by getcpu(2). */
unsigned os_cpu_now(void);

#endif
