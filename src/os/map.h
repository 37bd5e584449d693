/*
 * map.h - mappings: mmap(2), munmap(2), mremap(2), madvise(2). Addresses and lengths are multiples of os_page_size().
 *
 * Every call may fail (ENOMEM at vm.max_map_count, under RLIMIT_AS, in a cgroup): the caller loses nothing then.
 */
#ifndef LM_OS_MAP_H
#define LM_OS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A new private zeroed mapping of `bytes`, or NULL. */
void *os_map(size_t bytes);

/* The same at a multiple of `alignment` (a power of two, at least the page size), or NULL. */
void *os_map_aligned(size_t bytes, size_t alignment);

/*
 * The same at `address` and nowhere else: 0, or EEXIST where something is, or another error number of mmap(2). Linux
 * before 4.17 takes the address as a mere wish: then too nothing is changed.
 */
int os_map_at(uintptr_t address, size_t bytes);

/*
 * A mapping for the library's own data: a page at either end stays unused, so that a program that maps over the pages
 * around a block of its own (MAP_FIXED, glibc's tst-free-errno) does not hit it. NULL when there is no memory.
 */
void *os_map_private(size_t bytes);
void os_unmap_private(void *address, size_t bytes);

/*
 * A new mapping of `bytes` with a page behind it that nobody may touch; NULL when there is no memory. The two halves of
 * giving it back: the guard page may go first, and then it is a mapping like any other.
 */
void *os_map_guarded(size_t bytes);
bool os_unmap_guard(void *address, size_t bytes);

/* Gives a range back to the system; false when the kernel refused, and the range is still there. */
bool os_unmap(void *address, size_t bytes);

/*
 * mremap(2): OS_REMAP_NEVER where it will not do for any mapping (a filter, vm.max_map_count, no memory),
 * OS_REMAP_NOT_THIS where this one lies in several areas of the kernel, or is locked.
 */
enum os_remapped { OS_REMAPPED, OS_REMAP_NOT_THIS, OS_REMAP_NEVER };

/* Grows or shrinks a mapping where it is; else it is as it was. OS_REMAP_NEVER may only mean that there is no room. */
enum os_remapped os_resize(void *address, size_t old_bytes, size_t new_bytes);

/*
 * Moves a mapping's pages over [target, target + new_bytes), which is the caller's. Else the target may be gone, and of
 * a mapping in several areas the first ones too, where the lengths are equal (since Linux 6.17).
 */
enum os_remapped os_move(void *address, size_t old_bytes, void *target, size_t new_bytes);

/*
 * Grows a mapping to `new_bytes` wherever the kernel finds room: its address then. NULL: it is as it was. Other than
 * with os_move, nothing is to be mapped first or lost, and only the new bytes count towards RLIMIT_AS.
 */
void *os_grow_anywhere(void *address, size_t old_bytes, size_t new_bytes);

/* The frames go back, the addresses stay and read as zeros; false when the kernel refused. */
bool os_purge(void *address, size_t bytes);

/* Whether the range is to be made of huge pages from now on. OS_ADVICE_UNKNOWN: the kernel has none. */
enum os_huge { OS_HUGE, OS_HUGE_NOT };
enum os_advice { OS_ADVISED, OS_ADVICE_UNKNOWN, OS_ADVICE_FAILED };
enum os_advice os_advise_huge(void *address, size_t bytes, enum os_huge huge);

/* True if there is a mapping at `address`, whatever may be done there. */
bool os_is_mapped(const void *address);

/* True if the page that holds `address` may be read without a fault. */
bool os_is_readable(const void *address);

#endif
