/*
 * loaded.h - the objects that the loader has mapped, and their symbols, without a call of the loader. The constructor
 * asks before those of other libraries have run, and one of these may stand in front of dlopen and dlsym.
 *
 *      _r_debug.r_map -> the executable -> a library -> ...        struct link_map, in the order of look-up
 *
 * For constructors: the loader, which changes the list, waits for them.
 */
#ifndef LM_OS_LOADED_H
#define LM_OS_LOADED_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

/* The executable; NULL where there is no loader, or one that does not tell. */
const struct link_map *loaded_first(void);

struct loaded_symbol {
	uintptr_t address;
	bool is_defined; /* false: only a jump to the definition lies there */
};

/* The symbol `name` in the object's own table: false where it has no address there. */
bool loaded_find(const struct link_map *object, const char *name, struct loaded_symbol *symbol);

#endif
