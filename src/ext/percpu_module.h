/*
 * percpu_module.h - static per-CPU variables: the section `lm_percpu` of each program and shared library that has some.
 *
 *      module's section  [ hits | level | queue ]        the initial values; its addresses are the per-CPU pointers
 *                          |  + delta                          also known to the module itself: struct lm_percpu_here
 *      place in a chunk  [ hits | level | queue ]        of each CPU: a copy of the section, made when it is opened
 *
 * The constructors that LM_DEFINE_PER_CPU makes open a module, and its destructors close it. Destructors run at
 * dlclose, but at exit too, when other threads may still count. So a closed module stays in the list. At the next
 * opening it is dropped if its addresses are unmapped, or belong to the new module. Programs that use a pointer only
 * while its module is loaded see no difference.
 *
 * Readers take no lock: an entry's `bytes` is stored last (release) and read first (acquire). A thread that uses a
 * pointer of a live module got the pointer after the opening, so it sees the whole entry. Entries of other modules may
 * change while they are read, and the reader may mix old and new fields. A mixed entry covers only addresses of the
 * module that it had or gets, and none of these is the reader's.
 */
#ifndef LM_EXT_PERCPU_MODULE_H
#define LM_EXT_PERCPU_MODULE_H

#include "base/compiler.h"

/*
 * Entries stay in the list for ever, and are used again; percpu_lock guards all changes. Invariant
 * (percpu_module_check), for entries with bytes > 0: bytes <= LM_PERCPU_STATIC_MAX; start + delta lies in CPU 0's unit
 * of a chunk, in a granule without a key; no two entries cover one address.
 */
struct module {
	_Atomic size_t bytes; /* 0: unused. Release in module_add pairs with the acquire in module_covers */
	_Atomic uintptr_t start;
	_Atomic uintptr_t delta; /* from a variable to its place */
	bool is_closed;
	struct module *next; /* set before the entry is in the list */
};

/* The newest entry. Release in unused_entry pairs with the acquire in modules_first. */
extern struct module *_Atomic percpu_modules LM_HIDDEN;

static inline struct module *modules_first(void)
{
	return atomic_load_explicit(&percpu_modules, memory_order_acquire);
}

static inline uintptr_t module_start(const struct module *module) { return load_relaxed(&module->start); }

static inline bool module_covers(const struct module *module, uintptr_t variable)
{
	size_t bytes = atomic_load_explicit(&module->bytes, memory_order_acquire);
	return variable - module_start(module) < bytes;
}

/* The place of a static variable; 0 if no module has it. */
static always_inline uintptr_t percpu_module_place(uintptr_t variable)
{
	for (struct module *at = modules_first(); at != NULL; at = at->next)
		if (module_covers(at, variable))
			return variable + load_relaxed(&at->delta);
	return 0;
}

#ifdef LM_DEBUG
/* Tests the invariant: the number of modules. */
size_t percpu_module_check(void);
#endif

#endif
