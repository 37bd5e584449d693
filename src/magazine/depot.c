/* depot.c - magazines in and out of a depot, which ones are let in, and which ones go to the slabs. */
#include "magazine/depot.h"

#include "base/bits.h"
#include "os/report.h"
#include "page/pagemap.h"
#include "page/zone.h"
#include "slab/reclaim.h"

enum {
	TOTAL_FLOOR_BYTES = 8 << 20, /* all depots together keep this, or 1/2^TOTAL_SHIFT of the heap */
	TOTAL_SHIFT = 3,
	CREDITS_MAX = 128,        /* magazines that may come in before another is asked for */
	OWN_MAX = 8, /* magazines of a thread's own objects. No bound: 256 idle threads hold 118, not 35 MB */
	OWN_MAX_BYTES = 64 << 10, /* of objects that need no credit. With 0: 1000 in random order 20 ns each, not 8 */
	REVIEW_OPERATIONS = 64, /* exchanges between two looks at what was not needed */
};

struct depot depots[ID_COUNT];

static _Atomic size_t total_bytes; /* of the objects in all depots. A sum, relaxed */

size_t depot_bytes(void) { return load_relaxed(&total_bytes); }

/* A magazine came in (1) or went out (-1). */
static void count_magazine(unsigned size_class, const struct magazine *magazine, int sign)
{
	struct depot *depot = &depots[size_class];
	size_t objects = (size_t)sign * magazine->count;
	store_relaxed(&depot->nfull, load_relaxed(&depot->nfull) + (uint32_t)sign);
	add_relaxed(&depot->objects, objects);
	add_relaxed(&total_bytes, objects * size_classes[size_class].bytes);
}

/* depot.lock is held. */
static struct magazine *pop_locked(unsigned size_class)
{
	struct depot *depot = &depots[size_class];
	struct magazine *magazine = depot->full;
	if (magazine != NULL) {
		depot->full = magazine->next;
		count_magazine(size_class, magazine, -1);
		if (load_relaxed(&depot->nfull) < depot->nfull_min)
			depot->nfull_min = load_relaxed(&depot->nfull);
	}
	return magazine;
}

struct magazine *depot_pop(unsigned size_class, const struct thread_cache *self)
{
	struct depot *depot = &depots[size_class];
	lock_acquire(&depot->lock, RANK_DEPOT);
	const struct thread_cache *giver = load_relaxed(&depot->giver);
	struct magazine *magazine = pop_locked(size_class);
	if (magazine != NULL || (giver != NULL && giver != self))
		store_relaxed(&depot->credits, (uint32_t)size_min(load_relaxed(&depot->credits) + 1, CREDITS_MAX));
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
	return magazine;
}

static bool has_room(void)
{
	size_t heap_bytes = zone_used_pages() << PAGE_SHIFT;
	return depot_bytes() < size_max(heap_bytes >> TOTAL_SHIFT, TOTAL_FLOOR_BYTES);
}

/* Two threads may both get a yes for one credit: then one magazine too many stays until the next review. */
bool depot_wants(unsigned size_class, const struct thread_cache *self, enum depot_origin origin)
{
	struct depot *depot = &depots[size_class];
	store_relaxed(&depot->giver, self);
	const struct size_class *class = &size_classes[size_class];
	size_t magazine_bytes = (size_t)class->magazine_slots * class->bytes;
	uint32_t nfull = load_relaxed(&depot->nfull);
	bool few = nfull < OWN_MAX && (nfull + 1) * magazine_bytes <= OWN_MAX_BYTES;
	bool asked_for = load_relaxed(&depot->credits) > 0 && (origin == DEPOT_OF_OTHERS || nfull < OWN_MAX);
	return (few || asked_for) && class->objects > 1 && has_room();
}

void depot_push(unsigned size_class, struct magazine *full)
{
	struct depot *depot = &depots[size_class];
	lock_acquire(&depot->lock, RANK_DEPOT);
	if (load_relaxed(&depot->credits) > 0)
		store_relaxed(&depot->credits, load_relaxed(&depot->credits) - 1);
	full->next = depot->full;
	depot->full = full;
	count_magazine(size_class, full, 1);
	depot->operations++;
	lock_release(&depot->lock, RANK_DEPOT);
}

struct magazine *depot_pop_surplus(unsigned size_class)
{
	struct depot *depot = &depots[size_class];
	struct magazine *surplus = NULL;
	lock_acquire(&depot->lock, RANK_DEPOT);
	if (!has_room() && load_relaxed(&depot->nfull) > 0) {
		surplus = pop_locked(size_class);
	} else if (depot->operations >= REVIEW_OPERATIONS) {
		if (depot->nfull_min > 0)
			surplus = pop_locked(size_class);
		depot->operations = 0;
		depot->nfull_min = load_relaxed(&depot->nfull);
	}
	lock_release(&depot->lock, RANK_DEPOT);
	return surplus;
}

bool depot_holds(unsigned size_class, const void *object)
{
	struct depot *depot = &depots[size_class];
	bool found = false;
	lock_acquire(&depot->lock, RANK_DEPOT);
	for (const struct magazine *full = depot->full; full != NULL && !found; full = full->next)
		found = magazine_holds(full, full->count, object);
	lock_release(&depot->lock, RANK_DEPOT);
	return found;
}

void depot_discard(unsigned size_class, struct magazine *magazine, const char *function)
{
	reclaim_free(size_class, magazine->slot, magazine->count, function);
	magazine_destroy(magazine, size_class);
}

void depot_drain(unsigned size_class)
{
	struct magazine *magazine;
	do {
		lock_acquire(&depots[size_class].lock, RANK_DEPOT);
		magazine = pop_locked(size_class);
		lock_release(&depots[size_class].lock, RANK_DEPOT);
		if (magazine != NULL)
			depot_discard(size_class, magazine, "free");
	} while (magazine != NULL);
}

static cold void drain_ids(unsigned first, unsigned end)
{
	for (unsigned id = first; id < end; id++)
		depot_drain(id);
}

void depot_drain_all(void) { drain_ids(1, CLASS_COUNT); }
void depot_drain_objects(void) { drain_ids(CLASS_COUNT, size_class_end()); }

void depot_reset(unsigned id)
{
	struct depot *depot = &depots[id];
	lock_acquire(&depot->lock, RANK_DEPOT);
	depot->nfull_min = 0;
	depot->operations = 0;
	store_relaxed(&depot->credits, 0);
	store_relaxed(&depot->giver, NULL);
	lock_release(&depot->lock, RANK_DEPOT);
}

#ifdef LM_DEBUG
/* depot.lock is held. */
static void check_locked(unsigned id)
{
	const struct depot *depot = &depots[id];
	size_t magazines = 0, objects = 0;
	for (const struct magazine *full = depot->full; full != NULL; full = full->next) {
		magazines++;
		objects += full->count;
		if (full->bottom != NULL || full->count > size_classes[id].magazine_slots)
			report_internal("depot: a magazine is not sound");
	}
	if (magazines != load_relaxed(&depot->nfull) || depot->nfull_min > magazines)
		report_internal("depot: the magazines are counted wrongly");
	if (objects != load_relaxed(&depot->objects))
		report_internal("depot: the objects are counted wrongly");
}

void depot_check(unsigned id)
{
	lock_acquire(&depots[id].lock, RANK_DEPOT);
	check_locked(id);
	lock_release(&depots[id].lock, RANK_DEPOT);
}

/* All depots are locked at once, so that no magazine is counted twice. */
void depots_check(void)
{
	size_t bytes = 0;
	for (unsigned id = 0; id < ID_COUNT; id++)
		lock_acquire_unranked(&depots[id].lock);
	for (unsigned id = 0; id < ID_COUNT; id++) {
		check_locked(id);
		bytes += depot_objects(id) * size_classes[id].bytes;
	}
	bool is_right = bytes == depot_bytes();
	for (unsigned id = ID_COUNT; id-- > 0;)
		lock_release_unranked(&depots[id].lock);
	if (!is_right)
		report_internal("depot: the bytes of all depots are counted wrongly");
}
#endif
