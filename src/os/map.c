/* map.c - mappings by direct system calls: a library that wraps mmap must not see ours. */
#define _GNU_SOURCE
#include "os/map.h"

#include "base/bits.h"
#include "os/syscall.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* Read once from the auxiliary vector, which exists before any constructor (getauxval(3)). */
size_t os_page_size(void)
{
	static _Atomic size_t known; /* relaxed: all threads read the same number */
	size_t size = load_relaxed(&known);
	if (size == 0) {
		size = getauxval(AT_PAGESZ);
		store_relaxed(&known, size);
	}
	return size;
}

/* A private zeroed mapping, or -errno. */
static long map_new(uintptr_t address, size_t bytes, int flags)
{
	return syscall6(SYS_mmap, (long)address, (long)bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
}

static void *address_of(long result) { return syscall_failed(result) ? NULL : (void *)result; }

void *os_map(size_t bytes) { return address_of(map_new(0, bytes, 0)); }

/* An edge that cannot be unmapped stays as untouched addresses: it has no frames, and nothing refers to it. */
void *os_map_aligned(size_t bytes, size_t alignment)
{
	size_t spare = size_max(alignment, os_page_size()) - os_page_size();
	char *whole = bytes + spare < bytes ? NULL : os_map(bytes + spare);
	if (whole == NULL || spare == 0)
		return whole;
	size_t head = -(uintptr_t)whole & (alignment - 1);
	if (head > 0)
		os_unmap(whole, head);
	if (spare > head)
		os_unmap(whole + head + bytes, spare - head);
	return whole + head;
}

int os_map_at(uintptr_t address, size_t bytes)
{
	long result = map_new(address, bytes, MAP_FIXED_NOREPLACE);
	if (syscall_failed(result))
		return (int)-result;
	if ((uintptr_t)result == address)
		return 0;
	os_unmap((void *)result, bytes);
	return EEXIST;
}

static size_t private_bytes(size_t bytes) { return round_up(bytes, os_page_size()) + 2 * os_page_size(); }

void *os_map_private(size_t bytes)
{
	char *whole = os_map(private_bytes(bytes));
	return whole == NULL ? NULL : whole + os_page_size();
}

void os_unmap_private(void *address, size_t bytes)
{
	os_unmap((char *)address - os_page_size(), private_bytes(bytes));
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

static long remap(void *address, size_t old_bytes, size_t new_bytes, int flags, void *target)
{
	return syscall6(SYS_mremap, (long)address, (long)old_bytes, (long)new_bytes, flags, (long)target, 0);
}

static enum os_remapped remapped(long result)
{
	if (!syscall_failed(result))
		return OS_REMAPPED;
	return result == -EFAULT || result == -EAGAIN ? OS_REMAP_NOT_THIS : OS_REMAP_NEVER;
}

enum os_remapped os_resize(void *address, size_t old_bytes, size_t new_bytes)
{
	return remapped(remap(address, old_bytes, new_bytes, 0, NULL));
}

enum os_remapped os_move(void *address, size_t old_bytes, void *target, size_t new_bytes)
{
	return remapped(remap(address, old_bytes, new_bytes, MREMAP_MAYMOVE | MREMAP_FIXED, target));
}

void *os_grow_anywhere(void *address, size_t old_bytes, size_t new_bytes)
{
	return address_of(remap(address, old_bytes, new_bytes, MREMAP_MAYMOVE, NULL));
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
	uintptr_t page = round_down((uintptr_t)address, os_page_size());
	return !syscall_failed(syscall3(SYS_mincore, (long)page, (long)os_page_size(), (long)&resident));
}

/*
 * The kernel copies, so that a page which another thread unmaps meanwhile ends no process. Where the call is unknown or
 * forbidden, the bytes are read here.
 */
bool os_read(const void *address, void *to, size_t bytes)
{
	struct iovec local = {.iov_base = to, .iov_len = bytes};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = bytes};
	long self = syscall3(SYS_getpid, 0, 0, 0);
	long result = syscall6(SYS_process_vm_readv, self, (long)&local, 1, (long)&remote, 1, 0);
	if (result != -ENOSYS && result != -EPERM)
		return result == (long)bytes;
	bool readable = os_is_readable(address);
	if (readable)
		memcpy(to, address, bytes);
	return readable;
}

/* The kernel reads a set of signals at the address before it finds that the operation, -1, is invalid. */
bool os_is_readable(const void *address)
{
	size_t set_bytes = 8;
	uintptr_t set = round_down((uintptr_t)address, set_bytes);
	return syscall6(SYS_rt_sigprocmask, -1, (long)set, 0, (long)set_bytes, 0, 0) == -EINVAL;
}
