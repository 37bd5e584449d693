/*
 * libmalloc/kernel.h - the Linux kernel's own names over the lm_ functions, so that kernel code that allocates memory
 * compiles and runs in user space. libmalloc-kernel(3).
 *
 *	kmalloc kvmalloc vmalloc    __get_free_pages alloc_pages    kmem_cache_...  mempool_...    alloc_percpu
 *	-----------------------------------------------------------------------------------------------------------
 *	lm_malloc lm_aligned        lm_pages_...                    lm_cache_...    lm_reserve_... lm_percpu_...
 *	lm_kvmalloc lm_vmalloc
 *
 * Each name is a static inline function or a macro: the library exports none of them. Some names had other arguments in
 * older kernels. The headers accept all forms from 2.6.18 to today, and choose by the number of arguments. Each name
 * does what the kernel documents in core-api/memory-allocation and core-api/mm-api. Where it cannot, the header of its
 * family says so. Names that have no meaning in a process are in kernel/absent.h: using one is a compiler error whose
 * text says why. A function that fails also sets errno.
 *
 * For C and C++ with GNU extensions (statement expressions, typeof).
 */
#ifndef LIBMALLOC_KERNEL_H
#define LIBMALLOC_KERNEL_H

#include <libmalloc/kernel/absent.h>
#include <libmalloc/kernel/cache.h>
#include <libmalloc/kernel/gfp.h>
#include <libmalloc/kernel/kmalloc.h>
#include <libmalloc/kernel/mempool.h>
#include <libmalloc/kernel/overflow.h>
#include <libmalloc/kernel/page.h>
#include <libmalloc/kernel/percpu.h>
#include <libmalloc/kernel/string.h>
#include <libmalloc/kernel/vmalloc.h>

#endif
