/*
 * libmalloc/flags.h - how an allocation is to behave: what the kernel calls GFP flags (lm_malloc(3)).
 *
 * Taken by lm_malloc, lm_cache_alloc_flags, lm_pages_alloc, lm_kvmalloc and lm_reserve_alloc. Flags that a function
 * has no use for, and flags that exclude each other, are refused: NULL, EINVAL and one line on standard error that
 * names them.
 */
#ifndef LIBMALLOC_FLAGS_H
#define LIBMALLOC_FLAGS_H

#define LM_ZERO 0x01u      /* the memory is zero */
#define LM_NOSYSCALL 0x02u /* fail rather than enter the kernel. Excludes LM_NOFAIL, LM_HUGE */
#define LM_NORETRY 0x04u   /* fail at the first refusal, give nothing back that lies idle. Excludes LM_NOFAIL */
#define LM_NOFAIL 0x08u    /* never NULL: gives back what is idle, waits and tries again for ever */
#define LM_NOWARN 0x10u    /* no line on standard error when it fails for want of memory */
#define LM_DMA32 0x20u     /* from the zone below 4 GiB: the address fits 32 bits. Excludes LM_HUGE */
#define LM_COLD 0x40u      /* memory that no cache of the CPU is likely to hold: for what a device fills, or later */
#define LM_HUGE 0x80u      /* of huge pages where the system has them. Excludes LM_COLD */

#endif
