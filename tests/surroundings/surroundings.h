/* surroundings.h - what the programs of this folder share.
 *
 * A program ends with 0 when all it expects held. CHECK ends it with 1 and names on stderr what did not.
 * Figures go to stdout, a line each; `run` prints them as TAP comments. Nothing here allocates.
 */
#ifndef SURROUNDINGS_H
#define SURROUNDINGS_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(condition)                                                                                     \
	do {                                                                                                 \
		if (!(condition)) {                                                                          \
			int error = errno;                                                                   \
			fflush(stdout);                                                                      \
			dprintf(2, "%s:%d: does not hold: %s (errno %d)\n", __FILE__, __LINE__, #condition,  \
				error);                                                                      \
			_exit(1);                                                                            \
		}                                                                                            \
	} while (0)

/* A field of a /proc file that reads "Name:   number kB"; 0 when there is none. */
__attribute__((unused)) static long proc_kib(const char *path, const char *field)
{
	char text[8192];
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);

	if (file >= 0)
		close(file);
	if (length <= 0)
		return 0;
	text[length] = 0;
	const char *found = strstr(text, field);
	return found ? strtol(found + strlen(field), NULL, 10) : 0;
}

__attribute__((unused)) static double rss_mb(void)
{
	return (double)proc_kib("/proc/self/status", "VmRSS:") / 1024;
}

/* The next of a fixed sequence of numbers (xorshift); the state must not be 0. */
__attribute__((unused)) static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
