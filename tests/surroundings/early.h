/* early.h - between early.c and its library: every phase of a process's life uses the allocator once. */
#ifndef EARLY_H
#define EARLY_H
#include "surroundings.h"

enum phase { PREINIT, LIBRARY_START, START, MAIN, AT_EXIT, END, LIBRARY_END, PHASES };

/* Memory made in this phase, and the memory of every earlier phase still right; the last phase frees it all. */
struct life {
	unsigned char *made[PHASES];
};

static inline void live_through(struct life *life, enum phase phase)
{
	unsigned char *large = malloc(1 << 20), *p = calloc(1, 100);

	CHECK(large && p && p[99] == 0);
	memset(large, 1, 1 << 20);
	CHECK((p = realloc(p, 5000)));
	memset(p, phase + 1, 5000);
	free(large);
	life->made[phase] = p;
	for (int earlier = 0; earlier < PHASES; earlier++)
		if (life->made[earlier])
			CHECK(life->made[earlier][4999] == earlier + 1);
}

extern struct life *library_life(void); /* defined by the library, whose phases lie outside main's */

#endif
