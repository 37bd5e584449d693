/* The library of early.c: starts before main's constructors and ends after all else. */
#include "early.h"

static struct life life;

struct life *library_life(void) { return &life; }

__attribute__((constructor(101))) static void start(void) { live_through(&life, LIBRARY_START); }

__attribute__((destructor(101))) static void end(void)
{
	live_through(&life, LIBRARY_END);
	for (int phase = 0; phase < PHASES; phase++) {
		CHECK(life.made[phase]);
		free(life.made[phase]);
	}
	dprintf(1, "%d phases of the process's life used malloc\n", PHASES);
}
