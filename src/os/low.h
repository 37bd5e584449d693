/*
 * low.h - mappings below 4 GiB, where addresses fit 32 bits.
 *
 *      1 MiB                                                         4 GiB
 *        | program, break -> |       gap       | mapping |    gap  | ours |
 *                                                         <- the next goes here
 *
 * The kernel does not look for a place there, so we do: the list of mappings, /proc/self/maps, tells the gaps. The
 * highest one that is long enough is taken, at its end, since the break of some programs lies below it and is to go
 * up. No lock: another thread may map there first, and then the list is read again.
 *
 * Where the list cannot be read (no /proc, no free file descriptor, a filter), one place in each 4 MiB is tried.
 */
#ifndef LM_OS_LOW_H
#define LM_OS_LOW_H

#include <stddef.h>

/*
 * A new private zeroed mapping below 4 GiB, at a multiple of `alignment` (a power of two): of `*bytes`, or where the
 * gaps are shorter or the kernel refuses so much, of less, which is stored there, but at least of `least_bytes`. From
 * 4 MiB on it begins at a multiple of these, if the gap has room. NULL when there is no such gap, or no memory.
 * `*bytes` and `least_bytes` are multiples of os_page_size(), and not 0.
 */
void *os_map_low(size_t *bytes, size_t least_bytes, size_t alignment);

#endif
