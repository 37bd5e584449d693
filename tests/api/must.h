/* must.h - for the programs of tests/api: a condition that must hold, or the program says which did not and ends with 1. */
#ifndef API_MUST_H
#define API_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                                \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);                                 \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

#endif
