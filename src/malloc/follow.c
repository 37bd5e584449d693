/*
 * follow.c - see follow.h.
 */
#include "malloc/follow.h"

#include "os/loaded.h"

#include <stdatomic.h>
#include <stdint.h>

/* Weak, or clang takes two different names for two different functions and folds the comparison. */
extern void *own_malloc(size_t bytes) __attribute__((weak));

/* Written by the constructor alone. Relaxed. */
static _Atomic bool jump_is_bound;

bool follow_is_bound(void)
{
	return likely((uintptr_t)malloc == (uintptr_t)own_malloc) ||
	       atomic_load_explicit(&jump_is_bound, memory_order_relaxed);
}

/* What the object defines under the name; 0 where it defines nothing. */
static uintptr_t definition_in(const struct link_map *object, const char *name)
{
	struct loaded_symbol symbol;
	return loaded_find(object, name, &symbol) && symbol.is_defined ? symbol.address : 0;
}

/* True if malloc's address is that of a jump in the executable, which the loader binds to the first definition. */
static bool is_jump(const struct link_map *executable)
{
	struct loaded_symbol symbol;
	return loaded_find(executable, "malloc", &symbol) && !symbol.is_defined && symbol.address == (uintptr_t)malloc;
}

void follow_find_out(void)
{
	const struct link_map *object = loaded_first();
	if (follow_is_bound() || object == NULL || !is_jump(object))
		return;
	while (object != NULL && definition_in(object, "malloc") == 0)
		object = object->l_next;
	bool is_ours = object != NULL && definition_in(object, "malloc") == (uintptr_t)own_malloc;
	atomic_store_explicit(&jump_is_bound, is_ours, memory_order_relaxed);
}

bool follow_libc_is_first(void)
{
	for (const struct link_map *object = loaded_first(); object != NULL; object = object->l_next) {
		uintptr_t address = definition_in(object, "malloc");
		if (address == (uintptr_t)own_malloc)
			return false;
		if (address != 0 && definition_in(object, "sbrk") != 0)
			return true;
	}
	return false;
}
