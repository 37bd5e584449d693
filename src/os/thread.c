/* thread.c - the number of threads. */
#include "os/thread.h"

_Atomic size_t thread_counter;
