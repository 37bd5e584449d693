/*
 * options.h - everything that can be set, in one table: by mallopt(3), by glibc's environment variables
 * (MALLOC_TRIM_THRESHOLD_ and the like), by GLIBC_TUNABLES, and by LIBMALLOC_OPTIONS="name=value,name=value".
 */
#ifndef LM_LIBC_OPTIONS_H
#define LM_LIBC_OPTIONS_H

#include "base/settings.h"

/*
 * No pointers, so that the loader has nothing to relocate. Constant. struct settings is an array of words here:
 *
 *      settings  [ mmap_threshold | trim_threshold | top_pad | mmap_max | ... ]        8 bytes each
 *      index       0                1                2         3
 */
struct option {
	char name[20];     /* glibc's names follow from it: MALLOC_NAME_, glibc.malloc.name, M_NAME */
	char meaning[136]; /* with the unit and the default */
	int mallopt;       /* M_NAME; 0: the option is none of glibc's, and has no other names */
	unsigned index;    /* of its value in `settings` */
	size_t most;       /* values are 0 to this */
};

enum { OPTION_COUNT = 9 };
extern const struct option option_table[OPTION_COUNT] LM_HIDDEN;

static inline _Atomic size_t *option_value(const struct option *option)
{
	return (_Atomic size_t *)(void *)&settings + option->index;
}

/* Sets an option; false, and nothing is changed, if the value is out of range. */
cold bool option_set(const struct option *option, size_t value);

/* The option of a mallopt parameter, or NULL. */
cold const struct option *option_of_mallopt(int parameter);

/* Reads the environment. A bad entry of LIBMALLOC_OPTIONS is reported in one line; bad ones of glibc's are ignored. */
cold void options_read(char *const *environment);

#endif
