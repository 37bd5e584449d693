/*
 * low.h - mappings below 4 GiB, where addresses fit 32 bits.
 *
 *      1 MiB                                                         4 GiB
 *        | program, break -> |       gap       | mapping |    gap  | ours |
 *                                                         <- the next goes here
 *
 * The kernel does not look for a place there, so the library does: /proc/self/maps, the list of mappings, shows the
 * gaps. It takes the end of the highest gap that is long enough, since the break of some programs lies below and must
 * be free to go up. No lock: another thread may map there first, and then the list is read again.
 *
 * If the list cannot be read (no /proc, no free file descriptor, a filter), one place in each 4 MiB is tried.
 */
#ifndef LM_OS_LOW_H
#define LM_OS_LOW_H

#include "base/compiler.h"

/*
 * A new private zeroed mapping of `*bytes` below 4 GiB, at a multiple of `alignment` (a power of two). If the gaps are
 * shorter, or the kernel refuses so much, it has fewer bytes: at least `least_bytes`, and the number is stored in
 * `*bytes`. A mapping of 4 MiB or more begins at a multiple of 4 MiB if the gap has room. `*bytes` and `least_bytes`
 * are multiples of os_page_size(), and not 0.
 *
 * NULL if there is no memory, if no such gap was seen, or if other threads were faster again and again. A gap that is
 * free during the whole call is always seen. But the list is read in parts: others who unmap behind the reader and map
 * ahead of it hide a gap, though at each moment there is one. The library calls this under the lock of the DMA32 zone
 * only, so its own threads neither hide gaps from each other nor race.
 */
cold void *os_map_low(size_t *bytes, size_t least_bytes, size_t alignment);

#endif
