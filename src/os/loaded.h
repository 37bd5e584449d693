/*
 * loaded.h - the objects that the loader has mapped, and their symbols, without a call of the loader. They are needed
 * before the constructors of other libraries have run, and one of these libraries may stand in front of dlopen and
 * dlsym.
 *
 *      _r_debug.r_map -> the executable -> a library -> ...        struct link_map, in the order of look-up
 *
 * Only constructors may walk the list: the loader, which changes it, waits for them.
 */
#ifndef LM_OS_LOADED_H
#define LM_OS_LOADED_H

#include "base/compiler.h"

#include <link.h>

/* The executable; NULL if there is no loader, or one that has no such list. */
cold const struct link_map *loaded_first(void);

/* Owner: the caller, and so for all structs here. */
struct loaded_symbol {
	uintptr_t address;
	bool is_defined; /* false: only a jump to the definition lies there */
};

/*
 * The symbol `name` in the object's own table: false if it has no address there. Of the object, only l_addr and l_ld
 * are read.
 */
cold bool loaded_find(const struct link_map *object, const char *name, struct loaded_symbol *symbol);

#endif
