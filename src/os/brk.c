/*
 * brk.c - see brk.h. musl's sbrk refuses every move (it keeps the break to itself), so there the system call is made;
 * the only difference between the systems, and it is decided here.
 */
#include "os/brk.h"

#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

#ifdef __GLIBC__

static uintptr_t brk_move(intptr_t bytes)
{
	int saved = errno;
	void *before = sbrk(bytes);
	errno = saved;
	return before == (void *)-1 ? 0 : (uintptr_t)before;
}

#else

#include "base/syscall.h"

static uintptr_t brk_move(intptr_t bytes)
{
	uintptr_t before = (uintptr_t)syscall3(SYS_brk, 0, 0, 0);
	uintptr_t wanted = before + (uintptr_t)bytes;
	return (uintptr_t)syscall3(SYS_brk, (long)wanted, 0, 0) == wanted ? before : 0;
}

#endif

static _Atomic bool is_left; /* relaxed: set once, by the constructor */

void os_brk_leave(void) { atomic_store_explicit(&is_left, true, memory_order_relaxed); }

static bool may_move(void) { return !atomic_load_explicit(&is_left, memory_order_relaxed); }

uintptr_t os_brk_now(void) { return may_move() ? brk_move(0) : 0; }

uintptr_t os_brk_raise(size_t bytes) { return may_move() ? brk_move((intptr_t)bytes) : 0; }

bool os_brk_lower(uintptr_t from, size_t bytes)
{
	if (os_brk_now() != from)
		return false;
	uintptr_t before = brk_move(-(intptr_t)bytes);
	/* Somebody raised it in between: what is theirs must not stay cut off, though its content is lost. */
	if (before != 0 && before != from)
		brk_move((intptr_t)bytes);
	return before == from;
}
