/*
 * mapping.h - a run of addresses that was mapped for large blocks, and may have been put together of several pieces.
 *
 *      base         base + piece[0]                    base + bytes
 *      |  piece 0   |  piece 1  |       piece 2        |
 *
 * Page tables can be moved, at a twentieth of what a page fault costs: so frames of freed mappings serve a request that
 * none of them is long enough for. mremap(2) takes addresses of one of the kernel's areas at a time, and moved pages
 * stay areas of their own: a piece is what is known to lie in one. Everything but growing and moving may be
 * done over several of them.
 *
 * Invariant (mapping_check): bytes = the sum of piece[0 .. npieces), each of them a multiple of the page size; no two
 * neighbours have the same area.
 *
 * Owner: whoever holds the struct; nothing here locks.
 */
#ifndef LM_LARGE_MAPPING_H
#define LM_LARGE_MAPPING_H

#include "os/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAPPING_PIECES = 32 };

struct piece {
	size_t bytes;
	size_t area; /* neighbours of the same number lie in one area of the kernel: they are one piece. 0: not moved */
};

/* Not to be assigned: mapping_copy copies no more pieces than there are, and most often there is one. */
struct mapping {
	uintptr_t base; /* 0: none */
	size_t bytes;
	size_t npieces;
	struct piece piece[MAPPING_PIECES];
};

/* Makes the mapping none: no addresses, no pieces. */
static inline void mapping_clear(struct mapping *mapping)
{
	mapping->base = 0;
	mapping->bytes = 0;
	mapping->npieces = 0;
}

static inline void mapping_copy(struct mapping *to, const struct mapping *from)
{
	to->base = from->base;
	to->bytes = from->bytes;
	to->npieces = from->npieces;
	for (size_t i = 0; i < from->npieces; i++)
		to->piece[i] = from->piece[i];
}

/* A fresh mapping of `bytes` at a multiple of `alignment`, all zeros; none, and false, where there is no memory. */
bool mapping_create(struct mapping *mapping, size_t bytes, size_t alignment);

/*
 * As mapping_create, with a guard page behind it. The guard is not counted in `bytes`, and must go before anything else
 * is done.
 */
bool mapping_create_guarded(struct mapping *mapping, size_t bytes);
void mapping_drop_guard(const struct mapping *mapping);

/* Gives the addresses and the frames back; at least the frames where the kernel does not let the addresses go. */
void mapping_destroy(const struct mapping *mapping);

/* Leaves the first `bytes` in the mapping and makes `rest` the rest. 0 < bytes < mapping->bytes. No system call. */
void mapping_cut(struct mapping *mapping, size_t bytes, struct mapping *rest);

/* Appends what lies right behind the mapping: false, and nothing is changed, where that would be too many pieces. */
bool mapping_append(struct mapping *mapping, const struct mapping *behind);

/*
 * Makes one mapping of `bytes` of `count` parts that are not longer together, in any order, their contents any. What
 * they lack is fresh. All of them are used up, also when it fails: then it is none, and false.
 */
bool mapping_join(struct mapping *mapping, const struct mapping *const *parts, size_t count, size_t bytes);

/* Makes it `bytes` long where it is; else it is as it was. OS_REMAP_NOT_THIS: its last piece cannot be moved either. */
enum os_remapped mapping_resize(struct mapping *mapping, size_t bytes);

/*
 * Makes it `bytes` long, longer than it is, content and all, at addresses of the kernel's choice: false where it has
 * several pieces or the kernel refuses, and it is as it was.
 */
bool mapping_move(struct mapping *mapping, size_t bytes);

/* True if the kernel has refused to move pages: a filter, vm.max_map_count. Nobody tries again then. */
bool mapping_move_is_refused(void);

void mapping_check(const struct mapping *mapping);

#endif
