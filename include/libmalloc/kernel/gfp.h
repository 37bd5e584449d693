/*
 * libmalloc/kernel/gfp.h - the GFP flags, and what each means here. libmalloc-kernel(3).
 *
 * Each flag has the kernel's meaning, or a reason beside it why it has none: then it is taken and changes nothing. A
 * flag that an allocator cannot honour is dropped for it, as the kernel does: see LM_KERNEL_..._FLAGS.
 *
 * Whether a request may sleep is the one thing that has no exact counterpart. To sleep is, here, to give idle memory
 * back and try again. GFP_ATOMIC may not sleep but may use reserves: a process's reserve is the system, which it asks
 * once for more, and then fails (LM_NORETRY). GFP_NOWAIT may do neither: it gets what is at hand without a system call
 * (LM_NOSYSCALL), and, as documented, is likely to fail even for small requests; in a fresh process it does. A signal
 * handler, which is what a process has of interrupts, takes GFP_NOWAIT, as the kernel's guide recommends for those:
 * GFP_ATOMIC may meet a lock that the interrupted code holds.
 */
#ifndef LIBMALLOC_KERNEL_GFP_H
#define LIBMALLOC_KERNEL_GFP_H

#include <libmalloc/flags.h>

#include <stdbool.h>

typedef unsigned int gfp_t;

/* Zones. */
#define __GFP_DMA ((gfp_t)0x01u)     /* below 4 GiB, not 16 MiB: LM_DMA32. The address is virtual: no device uses it */
#define __GFP_DMA32 ((gfp_t)0x04u)   /* below 4 GiB: LM_DMA32. For caches: dropped, as in the kernel */
#define __GFP_HIGHMEM ((gfp_t)0x02u) /* nothing: all memory of a process is mapped, none is high */
#define GFP_ZONEMASK (__GFP_DMA | __GFP_HIGHMEM | __GFP_DMA32 | __GFP_MOVABLE)

/* Where pages lie: nothing. The kernel may move every page of a process, and counts it to its control group. */
#define __GFP_MOVABLE ((gfp_t)0x08u)      /* nothing: see above */
#define __GFP_RECLAIMABLE ((gfp_t)0x10u)  /* nothing: see above */
#define __GFP_WRITE ((gfp_t)0x1000u)      /* nothing: there is no page cache here that is to stay balanced */
#define __GFP_HARDWALL ((gfp_t)0x100000u) /* nothing: the kernel holds a process to its cpuset in any case */
#define __GFP_THISNODE ((gfp_t)0x200000u) /* nothing: for NUMA nodes see set_mempolicy(2) */
#define __GFP_ACCOUNT ((gfp_t)0x400000u)  /* nothing: see above */

/* Reserves. */
#define __GFP_HIGH ((gfp_t)0x20u)          /* with no leave to sleep: LM_NORETRY instead of LM_NOSYSCALL */
#define __GFP_MEMALLOC ((gfp_t)0x20000u)   /* nothing: a process has no reserve of pages; see mempool_create */
#define __GFP_NOMEMALLOC ((gfp_t)0x80000u) /* nothing: see __GFP_MEMALLOC */

/* How hard to try. */
#define __GFP_IO ((gfp_t)0x40u)              /* nothing: an allocation here starts no I/O of the program's */
#define __GFP_FS ((gfp_t)0x80u)              /* nothing: it calls no code of the program's that could hold a lock */
#define __GFP_DIRECT_RECLAIM ((gfp_t)0x400u) /* may sleep; without it LM_NOSYSCALL, or LM_NORETRY with __GFP_HIGH */
#define __GFP_KSWAPD_RECLAIM ((gfp_t)0x800u) /* nothing: no thread of ours reclaims in the background */
#define __GFP_RECLAIM (__GFP_DIRECT_RECLAIM | __GFP_KSWAPD_RECLAIM)
#define __GFP_RETRY_MAYFAIL ((gfp_t)0x4000u) /* what is usual here: before NULL all that is idle is given back */
#define __GFP_NOFAIL ((gfp_t)0x8000u)        /* LM_NOFAIL. Prevails over __GFP_NORETRY and over not sleeping */
#define __GFP_NORETRY ((gfp_t)0x10000u)      /* LM_NORETRY */

/* What to do. */
#define __GFP_ZERO ((gfp_t)0x100u)    /* LM_ZERO */
#define __GFP_NOWARN ((gfp_t)0x2000u) /* LM_NOWARN */
#define __GFP_COMP ((gfp_t)0x40000u)  /* nothing: the order given to free_pages is checked, no page keeps one */
#define __GFP_ZEROTAGS ((gfp_t)0)     /* nothing: no memory tags */
#define __GFP_SKIP_ZERO ((gfp_t)0)    /* nothing: no memory tags */
#define __GFP_SKIP_KASAN ((gfp_t)0)   /* nothing: no KASAN */
#define __GFP_NOLOCKDEP ((gfp_t)0)    /* nothing: no lockdep */

/* Of older kernels. */
#define __GFP_NOTRACK ((gfp_t)0)         /* nothing: no kmemcheck */
#define __GFP_OTHER_NODE ((gfp_t)0)      /* nothing: no statistics of nodes */
#define __GFP_WAIT __GFP_RECLAIM         /* its name up to 4.3 */
#define __GFP_REPEAT __GFP_RETRY_MAYFAIL /* its name up to 4.12 */
#define __GFP_COLD ((gfp_t)0x1000000u)   /* kmalloc: LM_COLD. Pages, caches: dropped, as from 4.15 on */
#define __GFP_NO_GROW ((gfp_t)0)         /* nothing: the slab allocator of 2.6 told itself so */

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
#define GFP_DMA __GFP_DMA     /* alone it may not sleep: `GFP_DMA | GFP_KERNEL` */
#define GFP_DMA32 __GFP_DMA32 /* the same */

/* What each allocator can honour; the rest is dropped. */
#define LM_KERNEL_CACHE_FLAGS (LM_ZERO | LM_NOSYSCALL | LM_NORETRY | LM_NOFAIL | LM_NOWARN)
#define LM_KERNEL_PAGE_FLAGS (LM_KERNEL_CACHE_FLAGS | LM_DMA32)
#define LM_KERNEL_HEAP_FLAGS (LM_KERNEL_PAGE_FLAGS | LM_COLD)

/* lm_kernel_flags - LM_... for GFP flags. LM_ flags that exclude each other never come together. */
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

/* Whether the flags let an allocation sleep. */
static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return (gfp & __GFP_DIRECT_RECLAIM) != 0;
}

/* Scopes in which __GFP_IO or __GFP_FS are off: nothing, as these. */
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
