/*
 * object_slabs.h - slabs of object caches: made and constructed, destructed and given back.
 *
 * The program's functions are called for a slab that is in no list in which objects are searched: nobody else can reach
 * it. They may fork. A slab that is being made does not count yet. One that is on its way out counts until it is gone:
 * it stands in cache.leaving with its thread. So the child of a fork can write off what other threads were giving back,
 * and the forking thread goes on with its own slab.
 */
#ifndef LM_OBJECT_OBJECT_SLABS_H
#define LM_OBJECT_OBJECT_SLABS_H

#include "object/object_kind.h"

/* Makes a slab and takes one slot of it; NULL when out of memory. May call the program. */
cold void *object_slabs_grow(unsigned id);

/* Gives back all empty slabs, or those beyond what is kept. May call the program. */
cold void object_slabs_reap(unsigned id);
cold void object_slabs_reap_surplus(unsigned id);

/* Gives back all empty slabs of all caches, when memory is short. May call the program. No lock is held. */
cold void object_slabs_reap_all(void);

/* In the child of fork. */
cold void object_slabs_fork_child(void);

/* Lists up to `most` objects that are taken. purge_lock is held, cache.lock is not. */
cold void object_slabs_list_taken(unsigned id, const void **objects, size_t most);

#endif
