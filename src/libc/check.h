/*
 * check.h - all invariants at once, in debug builds: unit tests call it after each test, malloc_trim at its end.
 */
#ifndef LM_LIBC_CHECK_H
#define LM_LIBC_CHECK_H

/* Reports an internal error if an invariant does not hold, whatever other threads do meanwhile. No lock is held. */
void check_everything(void);

#endif
