/* percpu_module.c - opens and closes modules under percpu_lock. */
#define LM_PERCPU_OUT_OF_LINE
#include "ext/percpu_module.h"

#include "base/bits.h"
#include "ext/percpu_chunk.h"
#include "os/map.h"
#include "os/report.h"
#include "page/meta.h"

#include <libmalloc/percpu.h>
#include <stdlib.h>
#include <string.h>

enum { PHASE_BYTES = LM_PERCPU_ALIGN_MAX, GRAIN_BYTES = 1 << PERCPU_GRAIN_SHIFT };

_Static_assert(LM_PERCPU_STATIC_MAX + GRAIN_BYTES <= PERCPU_STRIDE - PHASE_BYTES, "percpu_take asks for it");

struct module *_Atomic percpu_modules;

#define for_each_module(at) for (struct module *at = modules_first(); (at) != NULL; (at) = (at)->next)

static size_t module_bytes(const struct module *module) { return load_relaxed(&module->bytes); }

/* The slot of the first variable. Its place begins with the granule that holds it. */
static uintptr_t module_slot(const struct module *module)
{
	return module_start(module) + load_relaxed(&module->delta);
}

static void module_drop(struct module *module)
{
	store_relaxed(&module->bytes, 0);
	percpu_put(round_down(module_slot(module), GRAIN_BYTES));
}

/* Drops closed modules that were unmapped, and all modules that overlap the `bytes` from `start` on. */
static void drop_old(uintptr_t start, size_t bytes)
{
	for_each_module(at) {
		size_t its_bytes = module_bytes(at);
		bool overlaps = start - module_start(at) < its_bytes || module_start(at) - start < bytes;
		bool gone = at->is_closed && !os_is_mapped((const void *)module_start(at));
		if (its_bytes != 0 && (overlaps || gone))
			module_drop(at);
	}
}

static struct module *module_find(uintptr_t start)
{
	for_each_module(at)
		if (module_bytes(at) != 0 && module_start(at) == start && !at->is_closed)
			return at;
	return NULL;
}

/* An entry of the list, or a new one; NULL if there is no memory. */
static struct module *unused_entry(void)
{
	for_each_module(at)
		if (module_bytes(at) == 0)
			return at;
	struct module *made = meta_alloc(sizeof(struct module));
	if (made == NULL)
		return NULL;
	*made = (struct module){.next = modules_first()};
	atomic_store_explicit(&percpu_modules, made, memory_order_release); /* pairs with that in modules_first */
	return made;
}

/* Like the loader without memory for thread-local data: the module could not run. */
_Noreturn static cold void end_process(const char *why)
{
	lock_release(&percpu_lock, RANK_PERCPU); /* a handler of SIGABRT may need it */
	report_warning("static per-CPU variables of a module: %s", why);
	abort();
}

static struct module *module_add(uintptr_t start, size_t bytes)
{
	struct module *module = unused_entry();
	size_t lead = start % GRAIN_BYTES;
	uintptr_t place = percpu_take(lead + bytes, PHASE_BYTES, (start - lead) % PHASE_BYTES);
	if (module == NULL || place == 0)
		end_process("out of memory");
	for (unsigned cpu = 0; cpu < percpu_cpus(); cpu++)
		memcpy(percpu_slot(place + lead, cpu), (const void *)start, bytes);
	module->is_closed = false;
	store_relaxed(&module->start, start);
	store_relaxed(&module->delta, place + lead - start);
	atomic_store_explicit(&module->bytes, bytes, memory_order_release); /* pairs with the one in module_covers */
	return module;
}

/* Called for each variable of the module; the first call opens it. */
LM_EXPORT cold void lm_percpu_module_open(const void *section, const void *section_end, struct lm_percpu_here *here)
{
	uintptr_t start = (uintptr_t)section;
	size_t bytes = (uintptr_t)section_end - start;
	lock_acquire(&percpu_lock, RANK_PERCPU);
	struct module *module = module_find(start);
	if (module == NULL) {
		if (bytes > LM_PERCPU_STATIC_MAX)
			end_process("more than LM_PERCPU_STATIC_MAX bytes");
		drop_old(start, bytes);
		module = module_add(start, bytes);
	}
	here->start = start;
	here->bytes = bytes;
	here->delta = load_relaxed(&module->delta);
	lock_release(&percpu_lock, RANK_PERCPU);
}

LM_EXPORT cold void lm_percpu_module_close(const void *section)
{
	lock_acquire(&percpu_lock, RANK_PERCPU);
	struct module *module = module_find((uintptr_t)section);
	if (module != NULL)
		module->is_closed = true;
	lock_release(&percpu_lock, RANK_PERCPU);
}

#ifdef LM_DEBUG
static void module_check(const struct module *module)
{
	if (module_bytes(module) > LM_PERCPU_STATIC_MAX)
		report_internal("per-CPU data: a module has more than it may have");
	if (!percpu_is_place(module_slot(module)) || percpu_key(module_slot(module)) != 0)
		report_internal("per-CPU data: a module has no place of its own");
	for_each_module(at)
		if (at != module && module_covers(at, module_start(module)))
			report_internal("per-CPU data: two modules have one address");
}

size_t percpu_module_check(void)
{
	size_t count = 0;
	lock_acquire(&percpu_lock, RANK_PERCPU);
	for_each_module(at)
		if (module_bytes(at) != 0) {
			module_check(at);
			count++;
		}
	lock_release(&percpu_lock, RANK_PERCPU);
	return count;
}
#endif
