/*
 * brk.h - the break of the data segment, moved through libc's sbrk(3) so that libc's own idea of it stays right.
 *
 * Others may call sbrk too: so callers must take each result as the place of the break. errno is not changed.
 */
#ifndef LM_OS_BRK_H
#define LM_OS_BRK_H

#include "base/compiler.h"

/*
 * From now on the functions below find no break that they may use. For a process in which libc's own allocator works
 * too: it calls sbrk under a lock of its own, and two threads that call sbrk at once may get the same memory.
 */
cold void os_brk_leave(void);

/* The current break, or 0 if there is none that may be used. */
cold uintptr_t os_brk_now(void);

/* Moves the break up by `bytes`: the break before (the start of the new memory, which reads as zeros), or 0. */
cold uintptr_t os_brk_raise(size_t bytes);

/* Moves the break down by `bytes` from `from`: false, and nothing is changed, if it is elsewhere or may not move. */
cold bool os_brk_lower(uintptr_t from, size_t bytes);

#endif
