/* fork.h - fork(2) at any moment, with any number of threads in the middle of malloc. */
#ifndef LM_LIBC_FORK_H
#define LM_LIBC_FORK_H

#include "base/compiler.h"

/* Registers the handlers with pthread_atfork(3). */
cold void fork_register(void);

#endif
