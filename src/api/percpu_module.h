/*
 * percpu_module.h - static per-CPU variables: the section `lm_percpu` of each program and shared library that has some.
 *
 *      module's section  [ hits | level | queue ]        the initial values; its addresses are the per-CPU pointers
 *                          |  + delta                          also known to the module itself: struct lm_percpu_here
 *      place in a chunk  [ hits | level | queue ]        each CPU's, copied from the section when it is opened
 *
 * A module is opened by the constructors that LM_DEFINE_PER_CPU makes, and closed by its destructors. These run at
 * dlclose, but at exit too, where other threads may still count: so a closed module stays known, and goes at the next
 * opening when its addresses are unmapped, or another module's. Programs that use a pointer only while its module is
 * loaded see no difference.
 *
 * Readers take no lock: an entry's `bytes` is stored last (release) and read first (acquire). Whoever asks for a
 * pointer of a live module has been told of it after its opening, so sees the entry whole. An entry that is changed
 * meanwhile is another module's: with old bytes and a new start, or the other way round, it covers no more than that
 * module's own addresses.
 */
#ifndef LM_API_PERCPU_MODULE_H
#define LM_API_PERCPU_MODULE_H

#include "base/compiler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TABLE_MODULES = 15 };

struct module {
	_Atomic size_t bytes; /* 0: none. Release in module_add pairs with the acquire in module_covers */
	_Atomic uintptr_t start;
	_Atomic uintptr_t delta; /* from a variable to its place */
	bool is_closed;          /* guarded by percpu_lock */
};

/*
 * Tables are linked as needed and stay. Invariant (percpu_module_check): an entry with bytes > 0 has at most
 * LM_PERCPU_STATIC_MAX; start + delta lies in a place that is taken, and has no key; no two such entries cover one
 * address, as an opening drops those that it overlaps.
 */
struct module_table {
	struct module module[TABLE_MODULES];
	struct module_table *_Atomic next; /* release in table_grow pairs with the acquire in percpu_module_place */
};

extern struct module_table percpu_first_table LM_HIDDEN;

static inline uintptr_t module_start(const struct module *module)
{
	return atomic_load_explicit(&module->start, memory_order_relaxed);
}

static inline bool module_covers(const struct module *module, uintptr_t variable)
{
	size_t bytes = atomic_load_explicit(&module->bytes, memory_order_acquire);
	return variable - module_start(module) < bytes;
}

/* The place of a static variable; 0 where no module has it. */
static always_inline uintptr_t percpu_module_place(uintptr_t variable)
{
	for (struct module_table *table = &percpu_first_table; table != NULL;
	     table = atomic_load_explicit(&table->next, memory_order_acquire))
		for (struct module *at = table->module; at < table->module + TABLE_MODULES; at++)
			if (module_covers(at, variable))
				return variable + atomic_load_explicit(&at->delta, memory_order_relaxed);
	return 0;
}

/* Modules that are known; tests the invariant. */
size_t percpu_module_check(void);

#endif
