/*
 * map.h - mappings: mmap(2), munmap(2), mremap(2), madvise(2). Addresses and lengths are multiples of os_page_size().
 *
 * Every call may fail (ENOMEM at vm.max_map_count, under RLIMIT_AS, in a cgroup): the caller loses nothing then.
 */
#ifndef LM_OS_MAP_H
#define LM_OS_MAP_H

#include <stdbool.h>
#include <stddef.h>

/* A new private zeroed mapping of `bytes`, or NULL. */
void *os_map(size_t bytes);

/* The same at a multiple of `alignment` (a power of two, at least the page size), or NULL. */
void *os_map_aligned(size_t bytes, size_t alignment);

/*
 * A mapping for the library's own data: a page at either end stays unused, so that a program that maps over the pages
 * around a block of its own (MAP_FIXED, glibc's tst-free-errno) does not hit it. NULL when there is no memory.
 */
void *os_map_private(size_t bytes);
void os_unmap_private(void *address, size_t bytes);

/* Gives a range back to the system; false when the kernel refused, and the range is still there. */
bool os_unmap(void *address, size_t bytes);

/* Grows or shrinks a mapping where it is; false when the kernel refused, and it is as it was. */
bool os_resize(void *address, size_t old_bytes, size_t new_bytes);

/*
 * Moves a mapping's pages over [target, target + new_bytes), which is the caller's. Else it is as it was: it lies in
 * several areas of the kernel, or the kernel refused for another reason.
 */
enum os_moved { OS_MOVED, OS_MOVE_SEVERAL_AREAS, OS_MOVE_REFUSED };
enum os_moved os_move(void *address, size_t old_bytes, void *target, size_t new_bytes);

/* The frames go back, the addresses stay and read as zeros; false when the kernel refused. */
bool os_purge(void *address, size_t bytes);

/* Whether the range is to be made of huge pages from now on; false where the kernel has none. */
enum os_huge { OS_HUGE, OS_HUGE_NOT };
bool os_advise_huge(void *address, size_t bytes, enum os_huge huge);

/* True if all of the page that holds `address` may be read without a fault. */
bool os_is_mapped(const void *address);

#endif
