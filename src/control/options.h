/*
 * options.h - everything that can be set, in one table: by mallopt(3), by glibc's environment variables
 * (MALLOC_TRIM_THRESHOLD_ and the like), by GLIBC_TUNABLES, and by LIBMALLOC_OPTIONS="name=value,name=value".
 */
#ifndef LM_CONTROL_OPTIONS_H
#define LM_CONTROL_OPTIONS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct option {
	const char *name;        /* in LIBMALLOC_OPTIONS */
	const char *variable;    /* glibc's environment variable, or NULL */
	const char *tunable;     /* glibc's tunable, or NULL */
	int mallopt;             /* mallopt's parameter, or 0 */
	_Atomic size_t *value;
	size_t least;
	size_t most;
	const char *meaning;     /* with the unit and the default */
};

extern const struct option option_table[];
extern const size_t option_count;

/* Sets an option; false, and nothing is changed, when the value is out of its range. */
bool option_set(const struct option *option, size_t value);

/* The option of a mallopt parameter, or NULL. */
const struct option *option_of_mallopt(int parameter);

/* Reads the environment. A bad LIBMALLOC_OPTIONS is reported in one line and skipped; glibc's are skipped silently. */
void options_read(char *const *environment);

#endif
