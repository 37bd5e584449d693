/*
 * patience.h - how LM_NOFAIL waits where nobody can say when there will be memory: longer each time, and asleep.
 */
#ifndef LM_API_PATIENCE_H
#define LM_API_PATIENCE_H

#include "base/futex.h"

enum { PATIENCE_MAX_MS = 64 };

struct patience {
	unsigned milliseconds; /* of the last wait; 0: none yet */
};

/* Sleeps 1 ms, then twice as long each time, PATIENCE_MAX_MS at most. */
static inline void patience_wait(struct patience *patience)
{
	_Atomic uint32_t nobody_wakes = 0;
	patience->milliseconds = patience->milliseconds == 0 ? 1 : patience->milliseconds * 2;
	if (patience->milliseconds > PATIENCE_MAX_MS)
		patience->milliseconds = PATIENCE_MAX_MS;
	futex_wait_for(&nobody_wakes, 0, patience->milliseconds);
}

#endif
