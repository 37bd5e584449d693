/*
 * store.h - the live large mappings counted, and freed ones kept for reuse, by programs that show that they reuse them.
 *
 * A freed mapping is unmapped, and remembered as a ghost: its length, its address. When a request comes that the ghost
 * would have helped, the program has just paid a mapping and its page faults in vain, and the allowance grows by that
 * length: from then on so many bytes of freed mappings are kept. What nobody wanted over AGE_MAX further requests and
 * frees is unmapped, and the allowance shrinks by it. So a program that frees a block once gets its memory back at
 * once, and a loop over blocks pays only for its first round.
 *
 * A request is served from the front of the shortest kept mapping that is long enough, or from the first multiple of
 * its alignment on; what is left behind it and before it stays kept. Where none is, several are joined (mapping.h), and
 * only what they lack is faulted in anew: so blocks of ever different lengths need no more frames than were once in
 * use.
 *
 * Invariant (store_check): held_bytes = the sum over kept[0 .. nkept) <= allowance <= the live bytes, or 64 MiB (of
 * more than FEW_THREADS threads 32 MiB).
 *
 * store_lock (RANK_STORE) guards all of it; no block is mapped, moved or unmapped while it is held.
 */
#ifndef LM_LARGE_STORE_H
#define LM_LARGE_STORE_H

#include "base/lock.h"
#include "large/large.h"

/* The number of live large blocks and the bytes of their mappings, now and at most. */
struct store_counts {
	size_t blocks;
	size_t bytes;
	size_t blocks_most;
	size_t bytes_most;
};
struct store_counts store_counts(void);

/* The live blocks as a hint, without the lock. */
size_t store_live_blocks(void);

enum store_parts { STORE_WHOLE_ONLY, STORE_JOINED };

/*
 * A kept block at a multiple of `alignment` (a power of two), of at least `bytes` and at most an eighth or 64 KiB more,
 * its content unknown; its address the one it had, or 0 where it is new. NULL: there is none. STORE_JOINED: one put
 * together of several will do. It is counted as live.
 */
struct large *store_take(size_t bytes, size_t alignment, enum store_parts parts);

/* Takes over a live block that nobody refers to any more: keeps or unmaps it. It is counted as live no more. */
void store_put(struct large *large);

/* Counts a mapping that did not come from the store, or one that became longer or shorter (blocks 0). */
void store_count(size_t blocks, size_t more_bytes);

/* Unmaps all that is kept: true if there was any. */
bool store_drain(void);

/* For reports: whether the address lies in a mapping that is kept now; in one that was unmapped lately. */
bool store_keeps(uintptr_t address);
bool store_unmapped(uintptr_t address);

size_t store_held_bytes(void);

void store_check(void);

/* For fork. */
extern struct lock store_lock;

#endif
