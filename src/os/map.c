/*
 * map.c - see map.h. System calls directly: a library that wraps mmap must not see ours.
 */
#define _GNU_SOURCE
#include "os/map.h"

#include "base/bits.h"
#include "base/syscall.h"
#include "os/page_size.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

void *os_map(size_t bytes)
{
	long result = syscall6(SYS_mmap, 0, (long)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			       -1, 0);
	return syscall_failed(result) ? NULL : (void *)result;
}

void *os_map_aligned(size_t bytes, size_t alignment)
{
	size_t page = os_page_size();
	if (alignment <= page)
		return os_map(bytes);
	size_t whole_bytes = bytes + alignment - page;
	if (whole_bytes < bytes)
		return NULL;
	char *whole = os_map(whole_bytes);
	if (whole == NULL)
		return NULL;
	char *start = (char *)round_up((uintptr_t)whole, alignment);
	size_t head = (size_t)(start - whole);
	size_t tail = whole_bytes - bytes - head;
	/* An edge that cannot be unmapped stays as untouched addresses: no frames, and nothing refers to it. */
	if (head > 0)
		os_unmap(whole, head);
	if (tail > 0)
		os_unmap(start + bytes, tail);
	return start;
}

int os_map_at(uintptr_t address, size_t bytes)
{
	long result = syscall6(SYS_mmap, (long)address, (long)bytes, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (syscall_failed(result))
		return (int)-result;
	if ((uintptr_t)result == address)
		return 0;
	os_unmap((void *)result, bytes);
	return EEXIST;
}

void *os_map_private(size_t bytes)
{
	size_t guard = os_page_size();
	char *whole = os_map(round_up(bytes, guard) + 2 * guard);
	return whole == NULL ? NULL : whole + guard;
}

void os_unmap_private(void *address, size_t bytes)
{
	size_t guard = os_page_size();
	os_unmap((char *)address - guard, round_up(bytes, guard) + 2 * guard);
}

void *os_map_guarded(size_t bytes)
{
	size_t guard = os_page_size();
	char *whole = bytes + guard < bytes ? NULL : os_map(bytes + guard);
	if (whole == NULL || !syscall_failed(syscall3(SYS_mprotect, (long)(whole + bytes), (long)guard, PROT_NONE)))
		return whole;
	os_unmap(whole, bytes + guard);
	return NULL;
}

bool os_unmap_guard(void *address, size_t bytes) { return os_unmap((char *)address + bytes, os_page_size()); }

bool os_unmap(void *address, size_t bytes)
{
	return !syscall_failed(syscall3(SYS_munmap, (long)address, (long)bytes, 0));
}

static enum os_remapped remapped(long result)
{
	if (!syscall_failed(result))
		return OS_REMAPPED;
	return result == -EFAULT || result == -EAGAIN ? OS_REMAP_NOT_THIS : OS_REMAP_NEVER;
}

enum os_remapped os_resize(void *address, size_t old_bytes, size_t new_bytes)
{
	return remapped(syscall6(SYS_mremap, (long)address, (long)old_bytes, (long)new_bytes, 0, 0, 0));
}

enum os_remapped os_move(void *address, size_t old_bytes, void *target, size_t new_bytes)
{
	return remapped(syscall6(SYS_mremap, (long)address, (long)old_bytes, (long)new_bytes,
				 MREMAP_MAYMOVE | MREMAP_FIXED, (long)target, 0));
}

void *os_grow_anywhere(void *address, size_t old_bytes, size_t new_bytes)
{
	long result = syscall6(SYS_mremap, (long)address, (long)old_bytes, (long)new_bytes, MREMAP_MAYMOVE, 0, 0);
	return syscall_failed(result) ? NULL : (void *)result;
}

bool os_purge(void *address, size_t bytes)
{
	return !syscall_failed(syscall3(SYS_madvise, (long)address, (long)bytes, MADV_DONTNEED));
}

enum os_advice os_advise_huge(void *address, size_t bytes, enum os_huge huge)
{
	int advice = huge == OS_HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE;
	long result = syscall3(SYS_madvise, (long)address, (long)bytes, advice);
	if (!syscall_failed(result))
		return OS_ADVISED;
	return result == -EINVAL ? OS_ADVICE_UNKNOWN : OS_ADVICE_FAILED;
}

bool os_is_mapped(const void *address)
{
	unsigned char resident;
	size_t page = os_page_size();
	return !syscall_failed(syscall3(SYS_mincore, (long)round_down((uintptr_t)address, page), (long)page,
					(long)&resident));
}

/* The kernel reads a set of signals there before it finds that it is to do nothing with it. */
bool os_is_readable(const void *address)
{
	long nothing = -1;
	size_t set_bytes = 8;
	uintptr_t set = round_down((uintptr_t)address, set_bytes);
	return syscall6(SYS_rt_sigprocmask, nothing, (long)set, 0, (long)set_bytes, 0, 0) == -EINVAL;
}
