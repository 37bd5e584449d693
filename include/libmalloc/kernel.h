/*
 * libmalloc/kernel.h - the Linux kernel's own names on top of the lm_ functions, so that kernel code that allocates
 * compiles and runs in user space. libmalloc-kernel(3).
 *
 *	kmalloc kvmalloc vmalloc    __get_free_pages alloc_pages    kmem_cache_...  mempool_...    alloc_percpu
 *	-----------------------------------------------------------------------------------------------------------
 *	lm_malloc lm_aligned        lm_pages_...                    lm_cache_...    lm_reserve_... lm_percpu_...
 *	lm_kvmalloc lm_vmalloc
 *
 * All of it is static inline or a macro: the library exports none of these names. For names that changed, the forms of
 * 2.6.18 up to today's are taken, told apart by the number of arguments. What is documented in the kernel's
 * core-api/memory-allocation and core-api/mm-api holds here too; where it cannot, the header of its family says so.
 * Names that can mean nothing in a process are in kernel/absent.h, and using one is an error of the compiler that says
 * why. Functions that fail set errno besides.
 *
 * C, and C++ as GNU compilers take it (statement expressions, typeof).
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
