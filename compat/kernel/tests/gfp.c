/* GFP flags: the LM_ flags for each, and that no combination gives LM_ flags that exclude each other. */
#include <libmalloc/kernel.h>

#include "check.h"

static const gfp_t bits[] = {
	__GFP_DMA,      __GFP_HIGHMEM, __GFP_DMA32,        __GFP_MOVABLE,       __GFP_RECLAIMABLE,   __GFP_WRITE,
	__GFP_HARDWALL, __GFP_ACCOUNT, __GFP_HIGH,         __GFP_MEMALLOC,      __GFP_NOMEMALLOC,    __GFP_IO,
	__GFP_FS,       __GFP_COMP,    __GFP_RETRY_MAYFAIL, __GFP_DIRECT_RECLAIM, __GFP_KSWAPD_RECLAIM, __GFP_NOFAIL,
	__GFP_NORETRY,  __GFP_ZERO,    __GFP_NOWARN,       __GFP_COLD,          __GFP_THISNODE,
};
enum { BITS = sizeof(bits) / sizeof(bits[0]) };

static void bits_differ(void)
{
	gfp_t all = 0;
	int i;
	for (i = 0; i < BITS; i++) {
		check((all & bits[i]) == 0 && bits[i] != 0);
		all |= bits[i];
	}
	check(((GFP_KERNEL | GFP_ATOMIC | GFP_HIGHUSER_MOVABLE | GFP_DMA | GFP_DMA32 | GFP_NOWAIT) & ~all) == 0);
}

static void meanings(void)
{
	check(lm_kernel_flags(GFP_KERNEL) == 0);
	check(lm_kernel_flags(GFP_USER) == 0 && lm_kernel_flags(GFP_HIGHUSER) == 0);
	check(lm_kernel_flags(GFP_NOIO) == 0 && lm_kernel_flags(GFP_NOFS) == 0 && lm_kernel_flags(__GFP_WAIT) == 0);
	check(lm_kernel_flags(GFP_KERNEL | __GFP_REPEAT) == 0);
	check(lm_kernel_flags(GFP_ATOMIC) == LM_NORETRY);
	check(lm_kernel_flags(GFP_NOWAIT) == (LM_NOSYSCALL | LM_NOWARN));
	check(lm_kernel_flags(0) == LM_NOSYSCALL);
	check(lm_kernel_flags(GFP_KERNEL | GFP_DMA) == LM_DMA32 && lm_kernel_flags(GFP_KERNEL | GFP_DMA32) == LM_DMA32);
	check(lm_kernel_flags(GFP_KERNEL | __GFP_ZERO) == LM_ZERO);
	check(lm_kernel_flags(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN) == (LM_NORETRY | LM_NOWARN));
	check(lm_kernel_flags(GFP_KERNEL | __GFP_NOFAIL) == LM_NOFAIL);
	check(lm_kernel_flags(GFP_ATOMIC | __GFP_NOFAIL) == LM_NOFAIL);
	check(lm_kernel_flags(GFP_KERNEL | __GFP_COLD) == LM_COLD);
	check(lm_kernel_flags(GFP_TEMPORARY | __GFP_NOTRACK | __GFP_OTHER_NODE) == 0);
	check(lm_kernel_flags(GFP_TRANSHUGE) == LM_NOWARN);
	check(lm_kernel_flags(GFP_TRANSHUGE_LIGHT) == (LM_NOSYSCALL | LM_NOWARN));
	check(lm_kernel_flags(GFP_KERNEL | GFP_THISNODE) == (LM_NORETRY | LM_NOWARN));
	check(lm_kernel_flags(GFP_IOFS) == LM_NOSYSCALL);
	check(gfpflags_allow_blocking(GFP_KERNEL) && gfpflags_allow_blocking(GFP_NOIO));
	check(!gfpflags_allow_blocking(GFP_ATOMIC) && !gfpflags_allow_blocking(GFP_NOWAIT));
}

/* A selection of all sets of bits. */
static void combinations(void)
{
	unsigned long set;
	for (set = 0; set < 1UL << BITS; set += 1 + set % 7) {
		gfp_t gfp = 0;
		unsigned flags;
		int i;
		for (i = 0; i < BITS; i++)
			gfp |= (set >> i & 1) != 0 ? bits[i] : 0;
		flags = lm_kernel_flags(gfp);
		check((flags & LM_NOFAIL) == 0 || (flags & (LM_NOSYSCALL | LM_NORETRY)) == 0);
		check((flags & LM_HUGE) == 0);
		check(((flags & LM_ZERO) != 0) == ((gfp & __GFP_ZERO) != 0));
	}
}

int main(void)
{
	unsigned int scope = memalloc_nofs_save();
	memalloc_nofs_restore(scope);
	scope = memalloc_noio_save();
	memalloc_noio_restore(scope);
	bits_differ();
	meanings();
	combinations();
	return 0;
}
