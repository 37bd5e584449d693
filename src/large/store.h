/*
 * store.h - freed mappings kept for reuse, by programs that show that they reuse them.
 *
 * A freed mapping is unmapped, and remembered as a ghost: its length, its address. When a request comes that the ghost
 * would have served, the program has just paid a mapping and its page faults in vain, and the allowance grows
 * by that length: from then on so many bytes of freed mappings are kept. A mapping that nobody wanted over AGE_MAX
 * further requests and frees is unmapped, and the allowance shrinks by it. So a program that frees a block once gets
 * its memory
 * back at once, and a loop over a block pays only for its first round.
 *
 * Invariant: held_bytes = the sum over the slots <= allowance <= 8 MiB or an eighth of the live large blocks.
 *
 * store_lock (RANK_STORE) guards all of it; nothing is mapped or unmapped while it is held.
 */
#ifndef LM_LARGE_STORE_H
#define LM_LARGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A kept mapping of at least *bytes and at most a quarter more, its content unknown; *bytes becomes its length. */
void *store_take(size_t *bytes);

/* Takes over a mapping: keeps it or unmaps it. */
void store_put(void *base, size_t bytes);

/* Unmaps all that is kept: true if there was any. */
bool store_drain(void);

/* True if a large block at this address was freed lately: for reports. */
bool store_remembers(uintptr_t address);

size_t store_held_bytes(void);

/* For fork. */
extern struct lock store_lock;

#endif
