/*
 * libmalloc/flags.h - how an allocation is to behave: what the kernel calls GFP flags (lm_malloc(3)).
 *
 * lm_malloc, lm_aligned, lm_calloc, lm_realloc, lm_kvmalloc, lm_pages_alloc, lm_pages_alloc_exact,
 * lm_cache_alloc_flags and lm_reserve_alloc take them. If a function does not take a flag, or flags exclude each other,
 * the function returns NULL with EINVAL, and one line on standard error names the flags.
 */
#ifndef LIBMALLOC_FLAGS_H
#define LIBMALLOC_FLAGS_H

#define LM_ZERO 0x01u      /* the memory is zero */
#define LM_NOSYSCALL 0x02u /* fail rather than make a system call or wait. Excludes LM_NOFAIL, LM_HUGE */
#define LM_NORETRY 0x04u   /* fail at the first refusal; give no unused memory back first. Excludes LM_NOFAIL */
#define LM_NOFAIL 0x08u    /* never NULL: give unused memory back, wait, and try again for ever */
#define LM_NOWARN 0x10u    /* no line on standard error when there is no memory */
#define LM_DMA32 0x20u     /* memory below 4 GiB: all addresses fit 32 bits. Excludes LM_HUGE */
#define LM_COLD 0x40u      /* memory that is unlikely to be in a cache of the CPU: for what is written later */
#define LM_HUGE 0x80u      /* huge pages, if the block has 2 MiB or more and the system has them. Excludes LM_COLD */

#endif
