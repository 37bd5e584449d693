/*
 * mapping.h - a run of addresses that was mapped for large blocks, and may have been put together of several pieces.
 *
 *      base         base + piece[0]                    base + bytes
 *      |  piece 0   |  piece 1  |       piece 2        |
 *
 * Page tables can be moved, at a twentieth of what a page fault costs: so freed mappings that are too short each serve
 * a request together. mremap(2) takes addresses of one of the kernel's areas at a time, and moved pages stay areas of
 * their own: a piece is known to lie in one area. All else but growing and moving works over several areas.
 *
 * Invariant (mapping_check): bytes = the sum of piece[0 .. npieces), each of them a multiple of the page size; no two
 * neighbours have the same area.
 *
 * Owner: whoever holds the struct; nothing here locks.
 */
#ifndef LM_LARGE_MAPPING_H
#define LM_LARGE_MAPPING_H

#include "base/compiler.h"
#include "os/map.h"

enum { MAPPING_PIECES = 32 }; /* bounds the length of the struct, and the system calls of one join */

struct piece {
	size_t bytes;
	size_t area; /* pieces side by side with an equal `area` lie in one kernel area. 0: never moved */
};

struct mapping {
	uintptr_t base; /* 0: none */
	size_t bytes;
	size_t npieces;
	struct piece piece[MAPPING_PIECES];
};

/* A fresh mapping of `bytes` at a multiple of `alignment`, all zeros. False, and it is empty: no memory. */
cold bool mapping_create(struct mapping *mapping, size_t bytes, size_t alignment);

/*
 * As mapping_create, with a guard page behind it, which does not count in `bytes`. mapping_drop_guard must be called
 * before the mapping is used in any other way.
 */
cold bool mapping_create_guarded(struct mapping *mapping, size_t bytes);
cold void mapping_drop_guard(const struct mapping *mapping);

/* Gives the addresses and the frames back; only the frames if the kernel refuses to unmap. */
cold void mapping_destroy(const struct mapping *mapping);

/* Leaves the first `bytes` in the mapping; `rest` becomes the rest. 0 < bytes < mapping->bytes. No system call. */
cold void mapping_cut(struct mapping *mapping, size_t bytes, struct mapping *rest);

/* Appends what lies right behind the mapping. False, and nothing is changed: that would be too many pieces. */
cold bool mapping_append(struct mapping *mapping, const struct mapping *behind);

/*
 * Makes one mapping of `bytes` out of `count` parts whose sum is at most `bytes`. The order and the contents do not
 * matter; the bytes that the parts lack are fresh. All parts are used up, also on failure: false, and it is empty.
 */
cold bool mapping_join(struct mapping *mapping, const struct mapping *const *parts, size_t count, size_t bytes);

/* Makes it `bytes` long in place, or leaves it as it is. OS_REMAP_NOT_THIS: its last piece cannot be moved either. */
cold enum os_remapped mapping_resize(struct mapping *mapping, size_t bytes);

/*
 * Makes it `bytes` long, longer than it is, at addresses of the kernel's choice; the content moves along. False, and it
 * is as it was: it has several pieces, or the kernel refuses.
 */
cold bool mapping_move(struct mapping *mapping, size_t bytes);

/* True if the kernel has refused to move pages: a filter, vm.max_map_count. Then nobody tries again. */
bool mapping_move_is_refused(void);

cold void mapping_check(const struct mapping *mapping);

#endif
