/*
 * reserve.c - reserve (libmalloc/pool.h): `minimum` objects that are always there, over any allocator.
 *
 *      lm_reserve_alloc   the allocator -> an object
 *                               | NULL
 *                         held[level - 1] -> an object         level > 0
 *                               | none
 *                         NULL, or with LM_NOFAIL: wait
 *
 *      lm_reserve_free    level < minimum -> held[level++], and one waiter is woken; else back to the allocator
 *
 * Invariant (reserve_check): level <= minimum; held[0 .. level) are objects that nobody uses.
 *
 * Each function looks at the handle first (page/meta.h), and a thread that waits looks again whenever it wakes. A
 * reserve has ended before its last objects go back to the allocator: free_object is not to use it.
 *
 * lock (one of reserve_locks, RANK_RESERVE) guards held, level, minimum and waiting. The allocator's functions are the
 * program's, and are called with no lock held. Of several that change the minimum at once, each starts over if it finds
 * another one than it began with.
 *
 * level and minimum are also read without the lock, by lm_reserve_free. Who frees an object that was taken from the
 * reserve sees the level that this left, or a later one: the object itself came to it from there, whatever way the
 * program passed it on. So no object goes to the allocator while the reserve lacks it and nobody else filled it.
 *
 * Waiting and waking pair like this. A waiter finds level 0 under the lock, counts itself in `waiting` and notes
 * `given`; unlocks; sleeps on `given` while that is what it noted. A free that puts an object back changes `given`
 * under the lock, and wakes one sleeper if there are any. If it came before the waiter slept, futex(2) finds the value
 * changed and does not sleep: no wake-up is lost, and each object that comes back lets one waiter go on (or another
 * thread was faster; that waiter sleeps again). What comes free elsewhere in the allocator wakes nobody: so a waiter
 * asks it again each WAIT_MS.
 */
#include "api/pool.h"
#include "api/private.h"
#include "api/refuse.h"
#include "base/bits.h"
#include "base/futex.h"
#include "base/report.h"
#include "control/fork.h"
#include "libmalloc/pool.h"
#include "page/meta.h"

#include <errno.h>
#include <string.h>

enum { WAIT_MS = 50, TRIES = 200 };

struct lm_reserve {
	struct meta_handle handle;
	struct lock *lock;
	void **held;
	_Atomic size_t level;
	_Atomic size_t minimum; /* the length of held */
	size_t waiting;
	_Atomic uint32_t given;
	void *(*alloc_object)(unsigned flags, void *context);
	void (*free_object)(void *object, void *context);
	void *context;
};

static struct meta_queue ended_reserves;

static void reserve_look(const struct lm_reserve *reserve, const char *function)
{
	meta_handle_check(&reserve->handle, REPORT_RESERVE_DESTROYED, function);
}

static size_t level_of(const struct lm_reserve *reserve)
{
	return atomic_load_explicit(&reserve->level, memory_order_relaxed);
}

static size_t minimum_of(const struct lm_reserve *reserve)
{
	return atomic_load_explicit(&reserve->minimum, memory_order_relaxed);
}

static void set_level(struct lm_reserve *reserve, size_t level)
{
	atomic_store_explicit(&reserve->level, level, memory_order_relaxed);
}

static struct lock *lock_of(const struct lm_reserve *reserve)
{
	return &reserve_locks[(uintptr_t)reserve / CACHE_LINE_BYTES % RESERVE_LOCKS];
}

static void acquire(struct lm_reserve *reserve) { lock_acquire(reserve->lock, RANK_RESERVE); }
static void release(struct lm_reserve *reserve) { lock_release(reserve->lock, RANK_RESERVE); }

static size_t array_bytes(size_t objects) { return objects > SIZE_MAX / 16 ? SIZE_MAX : objects * sizeof(void *); }

static void give_back(struct lm_reserve *reserve, void **objects, size_t count)
{
	while (count > 0)
		reserve->free_object(objects[--count], reserve->context);
}

/* `count` objects, or false and none. */
static bool get_objects(struct lm_reserve *reserve, void **objects, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		objects[i] = reserve->alloc_object(LM_NOWARN, reserve->context);
		if (objects[i] == NULL) {
			give_back(reserve, objects, i);
			return false;
		}
	}
	return true;
}

/* All its objects go back to the allocator, and its array goes. */
static void reserve_empty(struct lm_reserve *reserve)
{
	size_t level = level_of(reserve);
	set_level(reserve, 0);
	give_back(reserve, reserve->held, level);
	private_free(reserve->held, array_bytes(minimum_of(reserve)));
}

/* The array of a reserve, all its objects in it; or false and nothing. */
static bool fill(struct lm_reserve *reserve, size_t minimum)
{
	reserve->held = private_alloc(array_bytes(minimum));
	if (reserve->held == NULL)
		return false;
	if (get_objects(reserve, reserve->held, minimum))
		return true;
	private_free(reserve->held, array_bytes(minimum));
	return false;
}

LM_EXPORT struct lm_reserve *lm_reserve_create(size_t minimum, void *(*alloc_object)(unsigned flags, void *context),
					       void (*free_object)(void *object, void *context), void *context)
{
	if (minimum == 0)
		return refuse("lm_reserve_create", REFUSED_MINIMUM);
	if (alloc_object == NULL || free_object == NULL)
		return refuse("lm_reserve_create", REFUSED_FUNCTIONS);
	struct lm_reserve made = {
		.level = minimum,
		.minimum = minimum,
		.alloc_object = alloc_object,
		.free_object = free_object,
		.context = context,
	};
	if (!fill(&made, minimum))
		return no_memory();
	struct lm_reserve *reserve = meta_handle_alloc(&ended_reserves, sizeof(*reserve));
	if (reserve == NULL) {
		reserve_empty(&made);
		return no_memory();
	}
	*reserve = made;
	reserve->lock = lock_of(reserve);
	return reserve;
}

/* The lock is held. */
static void *pop(struct lm_reserve *reserve)
{
	size_t level = level_of(reserve);
	if (level == 0)
		return NULL;
	set_level(reserve, level - 1);
	return reserve->held[level - 1];
}

/* With LM_NOSYSCALL the lock is not slept for; held as shortly as it is, it comes free. */
static bool acquire_quietly(struct lm_reserve *reserve)
{
	for (int i = 0; i < TRIES; i++) {
		if (lock_try_quiet(reserve->lock))
			return true;
		cpu_relax();
	}
	return false;
}

static void *take_quietly(struct lm_reserve *reserve)
{
	if (!acquire_quietly(reserve))
		return NULL;
	void *object = pop(reserve);
	lock_release_quiet(reserve->lock);
	return object;
}

static void *take(struct lm_reserve *reserve, unsigned flags)
{
	if (flags & LM_NOSYSCALL)
		return take_quietly(reserve);
	acquire(reserve);
	void *object = pop(reserve);
	release(reserve);
	return object;
}

/* An object of the reserve; or waits until one comes back, or WAIT_MS at most: NULL where that did not help. */
static void *take_waiting(struct lm_reserve *reserve)
{
	acquire(reserve);
	void *object = pop(reserve);
	if (object == NULL) {
		uint32_t seen = atomic_load_explicit(&reserve->given, memory_order_relaxed);
		reserve->waiting++;
		release(reserve);
		futex_wait_for(&reserve->given, seen, WAIT_MS);
		acquire(reserve);
		reserve->waiting--;
		object = pop(reserve);
	}
	release(reserve);
	return object;
}

static void *ask(struct lm_reserve *reserve, unsigned flags)
{
	return reserve->alloc_object((flags & ~LM_NOFAIL) | LM_NOWARN, reserve->context);
}

/* Neither the allocator nor the reserve has any. */
static cold void *fail(unsigned flags)
{
	if (!(flags & (LM_NOWARN | LM_NOSYSCALL)))
		report_warning(REPORT_OUT_OF_MEMORY, "1 object (lm_reserve_alloc)");
	errno = flags & LM_NOSYSCALL ? EAGAIN : ENOMEM;
	return NULL;
}

/* The allocator has none. */
static noinline void *alloc_reserved(struct lm_reserve *reserve, unsigned flags)
{
	void *object = take(reserve, flags);
	while (object == NULL && (flags & LM_NOFAIL)) {
		object = take_waiting(reserve);
		reserve_look(reserve, "lm_reserve_alloc");
		if (object == NULL)
			object = ask(reserve, flags);
	}
	return object != NULL ? object : fail(flags);
}

/* All flags: which of them are right is the allocator's to say. */
LM_EXPORT void *lm_reserve_alloc(struct lm_reserve *reserve, unsigned flags)
{
	reserve_look(reserve, "lm_reserve_alloc");
	if (unlikely(!flags_accept(flags, FLAGS_MALLOC, "lm_reserve_alloc")))
		return NULL;
	void *object = ask(reserve, flags);
	return likely(object != NULL) ? object : alloc_reserved(reserve, flags);
}

static void wake(struct lm_reserve *reserve, size_t count)
{
	futex_wake(&reserve->given, (int)size_min(count, INT32_MAX));
}

/* False: the reserve is full. */
static bool put(struct lm_reserve *reserve, void *object)
{
	acquire(reserve);
	size_t level = level_of(reserve);
	bool is_newest = level > 0 && reserve->held[level - 1] == object;
	bool is_taken = level < minimum_of(reserve);
	size_t waiting = reserve->waiting;
	if (is_taken) {
		reserve->held[level] = object;
		set_level(reserve, level + 1);
		atomic_fetch_add_explicit(&reserve->given, 1, memory_order_relaxed);
	}
	release(reserve);
	if (unlikely(is_newest))
		report_bad_pointer(REPORT_DOUBLE_FREE, object, "lm_reserve_free");
	if (is_taken && waiting > 0)
		wake(reserve, 1);
	return is_taken;
}

LM_EXPORT void lm_reserve_free(struct lm_reserve *reserve, void *object)
{
	reserve_look(reserve, "lm_reserve_free");
	if (object == NULL)
		return;
	if (unlikely(level_of(reserve) < minimum_of(reserve)) && put(reserve, object))
		return;
	reserve->free_object(object, reserve->context);
}

/* A minimum on its way: `to` objects may be held in `held`, which has its new objects, if any, from `from` on. */
struct change {
	size_t from;
	size_t to;
	void **held;
};

static bool change_prepare(struct lm_reserve *reserve, struct change *change)
{
	change->held = private_alloc(array_bytes(change->to));
	if (change->held == NULL)
		return false;
	if (change->to <= change->from ||
	    get_objects(reserve, change->held + change->from, change->to - change->from))
		return true;
	private_free(change->held, array_bytes(change->to));
	return false;
}

/* Takes a change back that another one was faster than. */
static void change_undo(struct lm_reserve *reserve, struct change *change)
{
	if (change->to > change->from)
		give_back(reserve, change->held + change->from, change->to - change->from);
	private_free(change->held, array_bytes(change->to));
}

/*
 * Swaps the arrays: false where the minimum is not the expected one any more. The old one is left with *excess objects
 * from *kept on.
 */
static bool change_install(struct lm_reserve *reserve, struct change *change, size_t *kept, size_t *excess)
{
	acquire(reserve);
	bool is_expected = minimum_of(reserve) == change->from;
	size_t waiting = reserve->waiting;
	size_t more = change->to > change->from ? change->to - change->from : 0;
	if (is_expected) {
		void **old = reserve->held;
		*kept = size_min(level_of(reserve), change->to);
		*excess = level_of(reserve) - *kept;
		memcpy(change->held, old, *kept * sizeof(void *));
		memmove(change->held + *kept, change->held + change->from, more * sizeof(void *));
		reserve->held = change->held;
		change->held = old;
		atomic_store_explicit(&reserve->minimum, change->to, memory_order_relaxed);
		set_level(reserve, *kept + more);
		atomic_fetch_add_explicit(&reserve->given, 1, memory_order_relaxed);
	}
	release(reserve);
	if (is_expected && waiting > 0 && more > 0)
		wake(reserve, more);
	return is_expected;
}

LM_EXPORT int lm_reserve_resize(struct lm_reserve *reserve, size_t minimum)
{
	size_t kept, excess;
	struct change change;
	reserve_look(reserve, "lm_reserve_resize");
	if (minimum == 0) {
		refuse("lm_reserve_resize", REFUSED_MINIMUM);
		return -1;
	}
	for (;;) {
		change = (struct change){.from = minimum_of(reserve), .to = minimum};
		if (!change_prepare(reserve, &change)) {
			errno = ENOMEM;
			return -1;
		}
		if (change_install(reserve, &change, &kept, &excess))
			break;
		change_undo(reserve, &change);
	}
	give_back(reserve, change.held + kept, excess);
	private_free(change.held, array_bytes(change.from));
	return 0;
}

LM_EXPORT size_t lm_reserve_level(const struct lm_reserve *reserve)
{
	reserve_look(reserve, "lm_reserve_level");
	return level_of(reserve);
}

LM_EXPORT void lm_reserve_destroy(struct lm_reserve *reserve)
{
	if (reserve == NULL)
		return;
	meta_handle_end(&reserve->handle, REPORT_RESERVE_DESTROYED, "lm_reserve_destroy");
	reserve_empty(reserve);
	meta_handle_put(&ended_reserves, &reserve->handle);
}

void reserve_check(struct lm_reserve *reserve)
{
	acquire(reserve);
	size_t level = level_of(reserve);
	bool is_right = level <= minimum_of(reserve);
	for (size_t i = 0; is_right && i < level; i++)
		is_right = reserve->held[i] != NULL;
	release(reserve);
	if (!is_right)
		report_internal("reserve: it holds more than it may, or nothing where an object should be");
}
