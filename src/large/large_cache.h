/*
 * large_cache.h - counts the live large mappings, and keeps freed ones for programs that reuse them.
 *
 * A freed mapping is unmapped, and remembered as a ghost: its length, its address. When a request comes that the ghost
 * would have served, the program has just paid a mapping and its page faults in vain, and the allowance grows by that
 * length: from then on so many bytes of freed mappings are kept. A mapping that nobody took over AGE_MAX further
 * requests and frees is unmapped, and the allowance shrinks by it. So a block that a program frees once goes back to
 * the system at once, and a loop over blocks pays only for its first round.
 *
 * A request is served from the front of the shortest kept mapping that is long enough, or from the first multiple of
 * its alignment on; the rest behind it and before it stays kept. If none is long enough, several are joined
 * (mapping.h), and only the bytes that they lack are faulted in anew: so blocks of ever different lengths need no more
 * frames than were once in use.
 *
 * Invariant (large_cache_check): nkept < SLOTS; held_bytes = the sum over kept[0 .. nkept). Kept blocks are LARGE_OPEN,
 * of 0 growths, and not of huge pages. Each large_cache_put lowers the allowance to the live bytes, or 64 MiB (of more
 * than FEW_THREADS threads 32 MiB) if that is more; then it unmaps until held_bytes <= allowance.
 *
 * large_cache_lock (RANK_LARGE_CACHE) guards all of it; no block is mapped, moved or unmapped while it is held.
 */
#ifndef LM_LARGE_LARGE_CACHE_H
#define LM_LARGE_LARGE_CACHE_H

#include "large/block.h"
#include "os/lock.h"

/* The number of live large blocks and the bytes of their mappings, now and at most. */
struct large_cache_counts {
	size_t blocks;
	size_t bytes;
	size_t blocks_most;
	size_t bytes_most;
};
cold struct large_cache_counts large_cache_counts(void);

/* Hints, read without the lock: the number of live blocks, the bytes that are kept. */
size_t large_cache_live_blocks(void);
size_t large_cache_held_bytes(void);

enum large_cache_parts { LARGE_CACHE_WHOLE_ONLY, LARGE_CACHE_JOINED };

/*
 * A kept block at a multiple of `alignment` (a power of two), of at least `bytes`, and at most an eighth or 64 KiB
 * more (any length if all slots but one are full, or if there is no descriptor), with unknown content; counted as live.
 * Its address is the one it had, or 0 if it is new. NULL: there is none.
 * LARGE_CACHE_JOINED: a block that is joined of several will do.
 */
cold struct large *large_cache_take(size_t bytes, size_t alignment, enum large_cache_parts parts);

/* Takes over a live block that nobody refers to any more: keeps or unmaps it. It no longer counts as live. */
cold void large_cache_put(struct large *large);

/* Counts a mapping that did not come from the cache, or one that became longer or shorter (blocks 0). */
cold void large_cache_count(size_t blocks, size_t more_bytes);

/* Unmaps all that is kept: true if there was any. */
cold bool large_cache_drain(void);

/* For reports: whether the address lies in a mapping that is kept now; in one that was unmapped lately. */
cold bool large_cache_keeps(uintptr_t address);
cold bool large_cache_unmapped(uintptr_t address);

cold void large_cache_check(void);

/* For fork. */
extern struct lock large_cache_lock;

#endif
