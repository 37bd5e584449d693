/* follow.c - see follow.h. */
#include "heap/follow.h"

#include "os/loaded.h"

/* Weak, or clang takes two names for two different functions and folds the comparison. */
extern void *own_malloc(size_t bytes) __attribute__((weak));

/* Written by the constructor alone. Relaxed. */
static _Atomic bool jump_is_bound;

bool follow_is_bound(void)
{
	return likely((uintptr_t)malloc == (uintptr_t)own_malloc) || load_relaxed(&jump_is_bound);
}

/*
 * The constructor calls all that follows at each start. So names are arrays on the stack: constants would lie on
 * another page, and cost a page fault.
 */

/* The address at which the object defines malloc; 0 if it does not. */
static uintptr_t malloc_of(const struct link_map *object)
{
	const char name[] = "malloc";
	struct loaded_symbol symbol;
	return loaded_find(object, name, &symbol) && symbol.is_defined ? symbol.address : 0;
}

/* True if malloc's address is that of a jump in the executable, which the loader binds to the first definition. */
static bool is_jump(const struct link_map *executable)
{
	const char name[] = "malloc";
	struct loaded_symbol symbol;
	return loaded_find(executable, name, &symbol) && !symbol.is_defined && symbol.address == (uintptr_t)malloc;
}

static bool is_libc(const struct link_map *object)
{
	const char name[] = "sbrk";
	struct loaded_symbol symbol;
	return loaded_find(object, name, &symbol) && symbol.is_defined;
}

void follow_find_out(void)
{
	const struct link_map *object = loaded_first();
	if (follow_is_bound() || object == NULL || !is_jump(object))
		return;
	while (object != NULL && malloc_of(object) == 0)
		object = object->l_next;
	bool is_ours = object != NULL && malloc_of(object) == (uintptr_t)own_malloc;
	store_relaxed(&jump_is_bound, is_ours);
}

bool follow_libc_is_first(void)
{
	for (const struct link_map *object = loaded_first(); object != NULL; object = object->l_next) {
		uintptr_t address = malloc_of(object);
		if (address == (uintptr_t)own_malloc)
			return false;
		if (address != 0 && is_libc(object))
			return true;
	}
	return false;
}
