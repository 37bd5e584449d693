/*
 * percpu_module.h - static per-CPU variables: the section `lm_percpu` of each program and shared library that has some.
 *
 *      module's section  [ hits | level | queue ]        the initial values; its addresses are the per-CPU pointers
 *                          |  + delta
 *      place in a chunk  [ hits | level | queue ]        each CPU's, copied from the section when it is opened
 *
 * A module is opened by the constructors that LM_DEFINE_PER_CPU makes, and closed by its destructors. These run at
 * dlclose, but at exit too, where other threads may still count: so a closed module stays known, and goes at the next
 * opening when its addresses are unmapped, or another module's. Nobody who may use a pointer can tell.
 *
 * Readers take no lock: an entry's `bytes` is stored last (release) and read first (acquire). Whoever asks for a
 * pointer of a live module has been told of it after its opening, so sees the entry whole. An entry that is changed
 * meanwhile is another module's: with old bytes and a new start, or the other way round, it covers no more than that
 * module's own addresses.
 */
#ifndef LM_API_PERCPU_MODULE_H
#define LM_API_PERCPU_MODULE_H

#include <stddef.h>
#include <stdint.h>

/* The place of a static variable; 0 where no module has it. */
uintptr_t percpu_module_place(uintptr_t variable);

/* Modules that are known. */
size_t percpu_module_count(void);

#endif
