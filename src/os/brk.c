/* brk.c - moves the break by sbrk in glibc, and by the system call in musl, whose sbrk refuses every move. */
#include "os/brk.h"

#include <errno.h>
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

#include "os/syscall.h"

static uintptr_t brk_move(intptr_t bytes)
{
	uintptr_t before = (uintptr_t)syscall3(SYS_brk, 0, 0, 0);
	uintptr_t wanted = before + (uintptr_t)bytes;
	return (uintptr_t)syscall3(SYS_brk, (long)wanted, 0, 0) == wanted ? before : 0;
}

#endif

static _Atomic bool is_left; /* relaxed: set at the start of the program, or by a setting, and never cleared */

void os_brk_leave(void) { store_relaxed(&is_left, true); }

uintptr_t os_brk_raise(size_t bytes) { return load_relaxed(&is_left) ? 0 : brk_move((intptr_t)bytes); }

uintptr_t os_brk_now(void) { return os_brk_raise(0); }

bool os_brk_lower(uintptr_t from, size_t bytes)
{
	if (os_brk_now() != from)
		return false;
	uintptr_t before = brk_move(-(intptr_t)bytes);
	/* Another caller raised it in between, and must keep the addresses, though their content is lost. */
	if (before != 0 && before != from)
		brk_move((intptr_t)bytes);
	return before == from;
}
