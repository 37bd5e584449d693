/*
 * map.h - mappings: mmap(2), munmap(2), mremap(2), madvise(2). Addresses and lengths are multiples of os_page_size().
 *
 * Every call may fail (ENOMEM at vm.max_map_count, under RLIMIT_AS, in a cgroup); then nothing is lost.
 */
#ifndef LM_OS_MAP_H
#define LM_OS_MAP_H

#include "base/compiler.h"

/*
 * The size of the system's pages in bytes (4, 16 or 64 KiB), known at run time only. The library's own page is always
 * 4 KiB. Only what the kernel gets is rounded to the system's.
 */
size_t os_page_size(void);

/* A new private zeroed mapping of `bytes`, or NULL. */
cold void *os_map(size_t bytes);

/* The same at a multiple of `alignment` (a power of two), or NULL. */
cold void *os_map_aligned(size_t bytes, size_t alignment);

/*
 * The same at `address` and nowhere else: 0; EEXIST if something is mapped there; or another error number of mmap(2).
 * Before Linux 4.17, EEXIST also if the kernel chose another address.
 */
cold int os_map_at(uintptr_t address, size_t bytes);

/*
 * A mapping for the library's own data. One page at each end stays unused, since a program may map over the pages
 * around a block of its own (MAP_FIXED, glibc's tst-free-errno). NULL if there is no memory.
 *
 *      | unused page | `bytes`, rounded up to pages ... | unused page |
 *                    ^ result
 */
cold void *os_map_private(size_t bytes);
cold void os_unmap_private(void *address, size_t bytes);

/*
 * A new mapping of `bytes` with a guard page behind it, on which every access faults; NULL if there is no memory.
 * os_unmap_guard unmaps the guard page alone; what is left is a mapping like any other.
 *
 *      | `bytes`: read, write ... | guard: PROT_NONE |
 *      ^ result                   one page
 */
cold void *os_map_guarded(size_t bytes);
cold bool os_unmap_guard(void *address, size_t bytes);

/* Gives a range back to the system; false if the kernel refused: the range is still there. */
cold bool os_unmap(void *address, size_t bytes);

/*
 * mremap(2): OS_REMAP_NEVER if the kernel refuses it for every mapping (a filter, vm.max_map_count, no memory),
 * OS_REMAP_NOT_THIS if this mapping lies in several areas of the kernel, or is locked.
 */
enum os_remapped { OS_REMAPPED, OS_REMAP_NOT_THIS, OS_REMAP_NEVER };

/*
 * Grows or shrinks a mapping in place. After a failure the mapping is unchanged. Here OS_REMAP_NEVER can also mean that
 * there is no room behind it.
 */
cold enum os_remapped os_resize(void *address, size_t old_bytes, size_t new_bytes);

/*
 * Moves a mapping's pages over [target, target + new_bytes), which is the caller's. If it fails, the target may be
 * unmapped. If the lengths are equal, the first areas of a mapping in several areas may have moved (since Linux 6.17).
 */
cold enum os_remapped os_move(void *address, size_t old_bytes, void *target, size_t new_bytes);

/*
 * Grows a mapping to `new_bytes` wherever the kernel finds room: its new address; NULL: it is as it was. Unlike os_move
 * it needs no mapped target, loses nothing when it fails, and only the new bytes count towards RLIMIT_AS.
 */
cold void *os_grow_anywhere(void *address, size_t old_bytes, size_t new_bytes);

/* Gives the frames back; the addresses stay and read as zeros. False if the kernel refused. */
cold bool os_purge(void *address, size_t bytes);

/* Asks for huge pages in the range, or for none, from now on. OS_ADVICE_UNKNOWN: the kernel has no huge pages. */
enum os_huge { OS_HUGE, OS_HUGE_NOT };
enum os_advice { OS_ADVISED, OS_ADVICE_UNKNOWN, OS_ADVICE_FAILED };
cold enum os_advice os_advise_huge(void *address, size_t bytes, enum os_huge huge);

/* True if there is a mapping at `address`, with any protection. */
cold bool os_is_mapped(const void *address);

/* True if a read of the page that holds `address` does not fault. */
cold bool os_is_readable(const void *address);

/* Copies bytes that may be unmapped meanwhile. They lie on one page. False: they cannot be read. */
cold bool os_read(const void *address, void *to, size_t bytes);

#endif
