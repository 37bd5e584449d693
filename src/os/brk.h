/*
 * brk.h - the break of the data segment, moved through libc's sbrk(3) so that libc's own idea of it stays right.
 *
 * Others may call sbrk too: every result is taken as the truth about where the break was. errno is left alone.
 */
#ifndef LM_OS_BRK_H
#define LM_OS_BRK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The break is left alone from now on: there is none to use. For a process in which libc's own allocator works too. It
 * calls sbrk under a lock of its own, and sbrk is not made for two threads at once: both would get the same memory.
 */
void os_brk_leave(void);

/* The current break, or 0 where there is none to use. */
uintptr_t os_brk_now(void);

/* Moves the break up by `bytes`: the break before (the start of the new memory, which reads as zeros), or 0. */
uintptr_t os_brk_raise(size_t bytes);

/* Moves the break down by `bytes` from `from`: false, and nothing is changed, when refused or when it was not there. */
bool os_brk_lower(uintptr_t from, size_t bytes);

#endif
