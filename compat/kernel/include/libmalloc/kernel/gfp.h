/*
 * libmalloc/kernel/gfp.h - the GFP flags, and what each means here. libmalloc-kernel(3).
 *
 * Each flag has the kernel's meaning, or no effect; then the comment beside it says why. An allocator ignores the flags
 * that it cannot honour, as in the kernel: see LM_KERNEL_..._FLAGS.
 *
 * Only permission to sleep has no exact counterpart. Here, to sleep means to give idle memory back and to try again.
 * - GFP_KERNEL may do so.
 * - GFP_ATOMIC may not sleep, but it may use reserves. The reserve of a process is the system: a request asks the
 *   system once for more memory, and then fails (LM_NORETRY).
 * - GFP_NOWAIT may do neither: a request takes only memory that the library has already, without a system call
 *   (LM_NOSYSCALL). As the kernel documents, it is likely to fail even for small sizes. In a new process,
 *   which has no free memory yet, it fails.
 *
 * The counterpart of an interrupt handler is a signal handler. It must use GFP_NOWAIT: GFP_ATOMIC may wait for a lock
 * that the interrupted code holds.
 */
#ifndef LIBMALLOC_KERNEL_GFP_H
#define LIBMALLOC_KERNEL_GFP_H

#include <libmalloc/flags.h>

#include <stdbool.h>

typedef unsigned int gfp_t;

/* Zones. */
#define __GFP_DMA ((gfp_t)0x01u)     /* LM_DMA32: below 4 GiB, not 16 MiB. The address is virtual: no device uses it */
#define __GFP_DMA32 ((gfp_t)0x04u)   /* LM_DMA32: below 4 GiB. Caches ignore it, as in the kernel */
#define __GFP_HIGHMEM ((gfp_t)0x02u) /* no effect: all memory of a process is mapped, none is high */
#define GFP_ZONEMASK (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)

/* Where pages are. The kernel may move each page of a process, and counts each page to the process's control group. */
#define __GFP_MOVABLE ((gfp_t)0x08u)      /* no effect: see above */
#define __GFP_RECLAIMABLE ((gfp_t)0x10u)  /* no effect: see above */
#define __GFP_WRITE ((gfp_t)0x1000u)      /* no effect: there is no page cache here to keep balanced */
#define __GFP_HARDWALL ((gfp_t)0x100000u) /* no effect: the kernel applies cpusets to each process anyway */
#define __GFP_THISNODE ((gfp_t)0x200000u) /* no effect: for NUMA nodes see set_mempolicy(2) */
#define __GFP_ACCOUNT ((gfp_t)0x400000u)  /* no effect: see above */

/* Reserves. */
#define __GFP_HIGH ((gfp_t)0x20u)          /* if it may not sleep: LM_NORETRY instead of LM_NOSYSCALL */
#define __GFP_MEMALLOC ((gfp_t)0x20000u)   /* no effect: a process has no reserve of pages; see mempool_create */
#define __GFP_NOMEMALLOC ((gfp_t)0x80000u) /* no effect: see __GFP_MEMALLOC */

/* How hard to try. */
#define __GFP_IO ((gfp_t)0x40u)              /* no effect: an allocation starts no I/O of the program */
#define __GFP_FS ((gfp_t)0x80u)              /* no effect: an allocation calls no file system code of the program */
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x400u) /* may sleep. Without it: LM_NOSYSCALL, or LM_NORETRY with __GFP_HIGH */
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x800u) /* no effect: the library has no thread that reclaims */
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define __GFP_RETRY_MAYFAIL ((gfp_t)0x4000u) /* no effect: each request that may sleep does so */
#define __GFP_NOFAIL ((gfp_t)0x8000u)        /* LM_NOFAIL, even with __GFP_NORETRY or if it may not sleep */
#define __GFP_NORETRY ((gfp_t)0x10000u)      /* LM_NORETRY */

/* What to do. */
#define __GFP_ZERO ((gfp_t)0x100u)    /* LM_ZERO */
#define __GFP_NOWARN ((gfp_t)0x2000u) /* LM_NOWARN */
#define __GFP_COMP ((gfp_t)0x40000u)  /* no effect: no page records its order; free_pages checks its argument */
#define __GFP_ZEROTAGS ((gfp_t)0)     /* no effect: no memory tags */
#define __GFP_SKIP_ZERO ((gfp_t)0)    /* no effect: no memory tags */
#define __GFP_SKIP_KASAN ((gfp_t)0)   /* no effect: no KASAN */
#define __GFP_NOLOCKDEP ((gfp_t)0)    /* no effect: no lockdep */

/* Of older kernels. */
#define __GFP_NOTRACK ((gfp_t)0)         /* no effect: no kmemcheck */
#define __GFP_OTHER_NODE ((gfp_t)0)      /* no effect: no statistics of nodes */
#define __GFP_WAIT __GFP_RECLAIM         /* its name up to 4.3 */
#define __GFP_REPEAT __GFP_RETRY_MAYFAIL /* its name up to 4.12 */
#define __GFP_COLD ((gfp_t)0x1000000u)   /* kmalloc: LM_COLD. Others ignore it, as kernels from 4.15 on */
#define __GFP_NO_GROW ((gfp_t)0)         /* no effect: for internal use by the slab allocator of 2.6 */

#define GFP_ATOMIC (__GFP_HIGH | __GFP_KSWAPD_RECLAIM)
#define GFP_KERNEL (__GFP_RECLAIM | __GFP_IO | __GFP_FS)
#define GFP_KERNEL_ACCOUNT (GFP_KERNEL | __GFP_ACCOUNT)
#define GFP_NOWAIT (__GFP_KSWAPD_RECLAIM | __GFP_NOWARN)
#define GFP_NOIO __GFP_RECLAIM
#define GFP_NOFS (__GFP_RECLAIM | __GFP_IO)
#define GFP_USER (__GFP_RECLAIM | __GFP_IO | __GFP_FS | __GFP_HARDWALL)
#define GFP_HIGHUSER (GFP_USER | __GFP_HIGHMEM)
#define GFP_HIGHUSER_MOVABLE (GFP_HIGHUSER | __GFP_MOVABLE)
#define GFP_TRANSHUGE_LIGHT ((GFP_HIGHUSER_MOVABLE | __GFP_COMP | __GFP_NOMEMALLOC | __GFP_NOWARN) & ~__GFP_RECLAIM)
#define GFP_TRANSHUGE (GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM)
#define GFP_TEMPORARY (GFP_KERNEL | __GFP_RECLAIMABLE)             /* up to 4.13 */
#define GFP_THISNODE (__GFP_THISNODE | __GFP_NOWARN | __GFP_NORETRY) /* up to 4.1 */
#define GFP_IOFS (__GFP_IO | __GFP_FS)                             /* up to 4.3 */
#define GFP_DMA __GFP_DMA     /* alone, it may not sleep: use `GFP_DMA | GFP_KERNEL` */
#define GFP_DMA32 __GFP_DMA32 /* the same */

/* The flags that each allocator honours. It ignores the others. */
#define LM_KERNEL_CACHE_FLAGS (LM_ZERO | LM_NOSYSCALL | LM_NORETRY | LM_NOFAIL | LM_NOWARN)
#define LM_KERNEL_PAGE_FLAGS (LM_KERNEL_CACHE_FLAGS | LM_DMA32)
#define LM_KERNEL_HEAP_FLAGS (LM_KERNEL_PAGE_FLAGS | LM_COLD)

/* lm_kernel_flags - the LM_ flags for GFP flags. The result never has two LM_ flags that exclude each other. */
static inline unsigned lm_kernel_flags(gfp_t gfp)
{
	unsigned flags = (gfp & __GFP_ZERO) != 0 ? LM_ZERO : 0;
	if ((gfp & __GFP_NOWARN) != 0)
		flags |= LM_NOWARN;
	if ((gfp & (__GFP_DMA | __GFP_DMA32)) != 0)
		flags |= LM_DMA32;
	if ((gfp & __GFP_COLD) != 0)
		flags |= LM_COLD;
	if ((gfp & __GFP_NOFAIL) != 0)
		return flags | LM_NOFAIL;
	if ((gfp & __GFP_NORETRY) != 0)
		flags |= LM_NORETRY;
	if ((gfp & __GFP_DIRECT_RECLAIM) == 0)
		flags |= (gfp & __GFP_HIGH) != 0 ? LM_NORETRY : LM_NOSYSCALL;
	return flags;
}

/* gfpflags_allow_blocking - whether an allocation with these flags may sleep. */
static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != 0;
}

/* Scopes without __GFP_IO or __GFP_FS: no effect, as these flags have none. */
static inline unsigned int memalloc_noio_save(void)
{
	return 0;
}

static inline void memalloc_noio_restore(unsigned int flags)
{
	(void)flags;
}

static inline unsigned int memalloc_nofs_save(void)
{
	return 0;
}

static inline void memalloc_nofs_restore(unsigned int flags)
{
	(void)flags;
}

#endif
