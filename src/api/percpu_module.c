/*
 * percpu_module.c - see percpu_module.h. percpu_lock guards all but what readers see.
 */
#define LM_PERCPU_OUT_OF_LINE
#include "api/percpu_module.h"

#include "api/percpu_chunk.h"
#include "base/bits.h"
#include "base/report.h"
#include <libmalloc/percpu.h>
#include "os/map.h"
#include "page/meta.h"

#include <stdlib.h>
#include <string.h>

enum { PHASE_BYTES = LM_PERCPU_ALIGN_MAX, GRAIN_BYTES = 1 << PERCPU_GRAIN_SHIFT };

_Static_assert(LM_PERCPU_STATIC_MAX + GRAIN_BYTES <= PERCPU_STRIDE - PHASE_BYTES, "percpu_take asks for it");

struct module_table percpu_first_table;

/* All that follows is under percpu_lock. The next entry of all tables; NULL begins and ends the walk. */
static struct module *module_next(struct module *at, struct module_table **table)
{
	if (at == NULL) {
		*table = &percpu_first_table;
		return (*table)->module;
	}
	if (++at < (*table)->module + TABLE_MODULES)
		return at;
	*table = atomic_load_explicit(&(*table)->next, memory_order_relaxed);
	return *table == NULL ? NULL : (*table)->module;
}

static size_t bytes_of(const struct module *module)
{
	return atomic_load_explicit(&module->bytes, memory_order_relaxed);
}

/* Of the first variable. Its place begins with the granule that holds it. */
static uintptr_t module_slot(const struct module *module)
{
	return module_start(module) + atomic_load_explicit(&module->delta, memory_order_relaxed);
}

static void module_drop(struct module *module)
{
	atomic_store_explicit(&module->bytes, 0, memory_order_relaxed);
	percpu_put(round_down(module_slot(module), GRAIN_BYTES));
}

/* Closed modules that were unmapped, and whatever was where `bytes` from `start` on are now. */
static void sweep(uintptr_t start, size_t bytes)
{
	struct module_table *table;
	for (struct module *at = NULL; (at = module_next(at, &table)) != NULL;) {
		size_t its_bytes = bytes_of(at);
		bool overlaps = start - module_start(at) < its_bytes || module_start(at) - start < bytes;
		bool gone = at->is_closed && !os_is_mapped((const void *)module_start(at));
		if (its_bytes != 0 && (overlaps || gone))
			module_drop(at);
	}
}

static struct module *module_find(uintptr_t start)
{
	struct module_table *table;
	for (struct module *at = NULL; (at = module_next(at, &table)) != NULL;)
		if (bytes_of(at) != 0 && module_start(at) == start && !at->is_closed)
			return at;
	return NULL;
}

static struct module *table_grow(void)
{
	struct module_table *table = &percpu_first_table;
	struct module_table *next;
	while ((next = atomic_load_explicit(&table->next, memory_order_relaxed)) != NULL)
		table = next;
	next = meta_alloc(sizeof(struct module_table));
	if (next == NULL)
		return NULL;
	memset(next, 0, sizeof(struct module_table));
	atomic_store_explicit(&table->next, next, memory_order_release); /* pairs with that in percpu_module_place */
	return next->module;
}

static struct module *unused_entry(void)
{
	struct module_table *table;
	for (struct module *at = NULL; (at = module_next(at, &table)) != NULL;)
		if (bytes_of(at) == 0)
			return at;
	return table_grow();
}

/* As the loader with thread-local data: who is loaded without it could not run. */
_Noreturn static void give_up(const char *why)
{
	report_warning("static per-CPU variables of a module", why);
	abort();
}

static struct module *module_add(uintptr_t start, size_t bytes)
{
	struct module *module = unused_entry();
	size_t lead = start % GRAIN_BYTES;
	uintptr_t place = percpu_take(lead + bytes, PHASE_BYTES, (start - lead) % PHASE_BYTES);
	if (module == NULL || place == 0)
		give_up("out of memory");
	for (unsigned cpu = 0; cpu < percpu_cpus(); cpu++)
		memcpy(percpu_slot(place + lead, cpu), (const void *)start, bytes);
	module->is_closed = false;
	atomic_store_explicit(&module->start, start, memory_order_relaxed);
	atomic_store_explicit(&module->delta, place + lead - start, memory_order_relaxed);
	atomic_store_explicit(&module->bytes, bytes, memory_order_release); /* pairs with the one in module_covers */
	return module;
}

/* Once for each variable of the module: only the first has something to do. */
LM_EXPORT void lm_percpu_module_open(const void *section, const void *section_end, struct lm_percpu_here *here)
{
	uintptr_t start = (uintptr_t)section;
	size_t bytes = (uintptr_t)section_end - start;
	lock_acquire(&percpu_lock, RANK_PERCPU);
	struct module *module = module_find(start);
	if (module == NULL) {
		if (bytes > LM_PERCPU_STATIC_MAX)
			give_up("more than LM_PERCPU_STATIC_MAX bytes");
		sweep(start, bytes);
		module = module_add(start, bytes);
	}
	here->start = start;
	here->bytes = bytes;
	here->delta = atomic_load_explicit(&module->delta, memory_order_relaxed);
	lock_release(&percpu_lock, RANK_PERCPU);
}

LM_EXPORT void lm_percpu_module_close(const void *section)
{
	lock_acquire(&percpu_lock, RANK_PERCPU);
	struct module *module = module_find((uintptr_t)section);
	if (module != NULL)
		module->is_closed = true;
	lock_release(&percpu_lock, RANK_PERCPU);
}

static void module_check(const struct module *module)
{
	struct module_table *table;
	if (bytes_of(module) > LM_PERCPU_STATIC_MAX)
		report_internal("per-CPU data: a module has more than it may have");
	if (!percpu_is_place(module_slot(module)) || percpu_key(module_slot(module)) != 0)
		report_internal("per-CPU data: a module has no place of its own");
	for (struct module *at = NULL; (at = module_next(at, &table)) != NULL;)
		if (at != module && module_covers(at, module_start(module)))
			report_internal("per-CPU data: two modules have one address");
}

size_t percpu_module_check(void)
{
	size_t count = 0;
	struct module_table *table;
	lock_acquire(&percpu_lock, RANK_PERCPU);
	for (struct module *at = NULL; (at = module_next(at, &table)) != NULL;) {
		if (bytes_of(at) == 0)
			continue;
		module_check(at);
		count++;
	}
	lock_release(&percpu_lock, RANK_PERCPU);
	return count;
}
