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
 * Each function checks the handle first (page/meta.h), and a thread that waits checks it again whenever it wakes. A
 * reserve ends before its last objects go back to the allocator: free_object must not use it.
 *
 * The allocator's functions are the program's, and run with no lock held. If several threads change the minimum at
 * once, each one starts again if the minimum is no longer the one with which it began.
 *
 * lm_reserve_free also reads level and minimum without the lock. A thread that frees an object of the reserve sees the
 * level after the object was taken, or a later one: the program passed the object on from the thread that took it. So
 * while level < minimum, a freed object goes to the reserve.
 *
 * A waiter finds level 0 under the lock, counts itself in `waiting` and notes `given`; unlocks; and sleeps while
 * `given` is unchanged. A free that puts an object back changes `given` under the lock, and wakes one sleeper if there
 * are any. If it comes before the waiter sleeps, futex(2) finds `given` changed and does not sleep. So no wake-up is
 * lost, and each object that comes back lets one waiter go on, unless another thread takes the object first. Nobody
 * wakes a waiter when the allocator gets memory elsewhere: so a waiter asks it again each WAIT_MS.
 */
#include "ext/reserve.h"

#include "base/bits.h"
#include "heap/flags.h"
#include "heap/request.h"
#include "os/futex.h"
#include "os/report.h"
#include "page/meta.h"

#include <errno.h>
#include <libmalloc/pool.h>
#include <string.h>

enum {
	WAIT_MS = 50, /* between two calls of the allocator by a waiter */
	TRIES = 200,  /* to get the lock without a system call: a microsecond or a few */
};

struct lock reserve_locks[RESERVE_LOCKS];

/*
 * The reserve's lock (RANK_RESERVE) guards held, level, minimum, waiting and changes of `given`; level and minimum are
 * also read without it, as hints (above), and `given` by the kernel. The rest never changes. Invariant
 * (reserve_check): level <= minimum; held[0 .. level) are not NULL: objects that nobody uses.
 */
struct lm_reserve {
	struct meta_handle handle;
	void **held;
	_Atomic size_t level;
	_Atomic size_t minimum; /* the length of held */
	size_t waiting;         /* threads */
	_Atomic uint32_t given; /* counts the objects that came back */
	void *(*alloc_object)(unsigned flags, void *context);
	void (*free_object)(void *object, void *context);
	void *context;
};

static struct meta_queue ended_reserves; /* meta_lock guards it */

static void reserve_look(const struct lm_reserve *reserve, const char *function)
{
	meta_handle_check(&reserve->handle, REPORT_RESERVE_DESTROYED, function);
}

static struct lock *lock_of(const struct lm_reserve *reserve)
{
	return &reserve_locks[(uintptr_t)reserve / CACHE_LINE_BYTES % RESERVE_LOCKS];
}

static void acquire(const struct lm_reserve *reserve) { lock_acquire(lock_of(reserve), RANK_RESERVE); }
static void release(const struct lm_reserve *reserve) { lock_release(lock_of(reserve), RANK_RESERVE); }

/*
 * Room for `length` objects, of which those in [begin, end) are there: 0 <= begin <= end <= length. Owner: one call.
 *
 *      made for a resize   | room for what is held | new | new |          begin = the old minimum, end = length
 *      after the swap      | went to the new one | too many | ... |       begin = kept, end = level
 */
struct array {
	void **held;
	size_t length;
	size_t begin, end;
};

static size_t array_bytes(size_t length) { return length > SIZE_MAX / 16 ? SIZE_MAX : length * sizeof(void *); }

/* Gives the objects back to the allocator, and frees the array. */
static cold void array_free(const struct lm_reserve *reserve, const struct array *array)
{
	for (size_t i = array->end; i > array->begin; i--)
		reserve->free_object(array->held[i - 1], reserve->context);
	meta_free_any(array->held, array_bytes(array->length));
}

/* An array with new objects from `begin` to its end; or false and nothing. */
static cold bool array_make(const struct lm_reserve *reserve, struct array *array, size_t begin, size_t length)
{
	*array = (struct array){meta_alloc_any(array_bytes(length)), length, size_min(begin, length), 0};
	if (array->held == NULL)
		return false;
	for (array->end = array->begin; array->end < length; array->end++) {
		array->held[array->end] = reserve->alloc_object(LM_NOWARN, reserve->context);
		if (array->held[array->end] == NULL) {
			array_free(reserve, array);
			return false;
		}
	}
	return true;
}

LM_EXPORT cold struct lm_reserve *lm_reserve_create(size_t minimum,
						    void *(*alloc_object)(unsigned flags, void *context),
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
	struct array array;
	if (!array_make(&made, &array, 0, minimum))
		return no_memory();
	struct lm_reserve *reserve = meta_handle_alloc(&ended_reserves, sizeof(*reserve));
	if (reserve == NULL) {
		array_free(&made, &array);
		return no_memory();
	}
	made.held = array.held;
	*reserve = made;
	return reserve;
}

/* The lock is held. */
static void *held_pop(struct lm_reserve *reserve)
{
	size_t level = load_relaxed(&reserve->level);
	if (level == 0)
		return NULL;
	store_relaxed(&reserve->level, level - 1);
	return reserve->held[level - 1];
}

/* With LM_NOSYSCALL: does not sleep for the lock, which is held only for short times. */
static cold void *take_quietly(struct lm_reserve *reserve)
{
	for (int i = 0; i < TRIES; i++) {
		if (lock_try_quiet(lock_of(reserve))) {
			void *object = held_pop(reserve);
			lock_release_quiet(lock_of(reserve));
			return object;
		}
		cpu_relax();
	}
	return NULL;
}

static cold void *take_held(struct lm_reserve *reserve, unsigned flags)
{
	if (flags & LM_NOSYSCALL)
		return take_quietly(reserve);
	acquire(reserve);
	void *object = held_pop(reserve);
	release(reserve);
	return object;
}

/* The allocator, then what is held. */
static void *attempt_object(const struct request *request)
{
	struct lm_reserve *reserve = request->context;
	void *object = reserve->alloc_object((request->flags & ~LM_NOFAIL) | LM_NOWARN, reserve->context);
	return likely(object != NULL) ? object : take_held(reserve, request->flags);
}

/* An object of the reserve, at once or after a sleep until one comes back, or WAIT_MS at most; NULL: still none. */
static cold void *wait_for_object(const struct request *request)
{
	struct lm_reserve *reserve = request->context;
	acquire(reserve);
	void *object = held_pop(reserve);
	if (object == NULL) {
		uint32_t seen = load_relaxed(&reserve->given);
		reserve->waiting++;
		release(reserve);
		futex_wait_for(&reserve->given, seen, WAIT_MS);
		acquire(reserve);
		reserve->waiting--;
		object = held_pop(reserve);
	}
	release(reserve);
	reserve_look(reserve, "lm_reserve_alloc");
	return object;
}

/* Neither the allocator nor the reserve has an object. */
static cold void *refuse_object(unsigned flags)
{
	if (!(flags & (LM_NOWARN | LM_NOSYSCALL)))
		report_warning(REPORT_OUT_OF_MEMORY ": 1 object (lm_reserve_alloc)");
	errno = flags & LM_NOSYSCALL ? EAGAIN : ENOMEM;
	return NULL;
}

/* Takes all flags: the allocator may refuse some. */
LM_EXPORT void *lm_reserve_alloc(struct lm_reserve *reserve, unsigned flags)
{
	struct request request = {
		.flags = flags,
		.attempt = attempt_object,
		.wait = wait_for_object,
		.context = reserve,
	};
	reserve_look(reserve, "lm_reserve_alloc");
	if (unlikely(!flags_accept(flags, FLAGS_MALLOC, "lm_reserve_alloc")))
		return NULL;
	void *object = request_serve(&request);
	return likely(object != NULL) ? object : refuse_object(flags);
}

static cold void wake(struct lm_reserve *reserve, size_t count)
{
	futex_wake(&reserve->given, (int)size_min(count, INT32_MAX));
}

/* False: the reserve is full. */
static cold bool put_back(struct lm_reserve *reserve, void *object)
{
	acquire(reserve);
	size_t level = load_relaxed(&reserve->level);
	bool is_newest = level > 0 && reserve->held[level - 1] == object;
	bool is_taken = level < load_relaxed(&reserve->minimum);
	size_t waiting = reserve->waiting;
	if (is_taken) {
		reserve->held[level] = object;
		store_relaxed(&reserve->level, level + 1);
		add_relaxed(&reserve->given, 1);
	}
	release(reserve);
	if (is_newest)
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
	if (unlikely(load_relaxed(&reserve->level) < load_relaxed(&reserve->minimum)) && put_back(reserve, object))
		return;
	reserve->free_object(object, reserve->context);
}

/*
 * Swaps the arrays: false if the minimum is no longer `expected`. The old array is left with the objects for which the
 * new one has no room.
 */
static cold bool array_install(struct lm_reserve *reserve, struct array *array, size_t expected)
{
	size_t more = array->end - array->begin;
	acquire(reserve);
	bool is_expected = load_relaxed(&reserve->minimum) == expected;
	size_t waiting = reserve->waiting;
	if (is_expected) {
		size_t level = load_relaxed(&reserve->level);
		size_t kept = size_min(level, array->length);
		struct array old = {reserve->held, expected, kept, level};
		memcpy(array->held, old.held, kept * sizeof(void *));
		memmove(array->held + kept, array->held + array->begin, more * sizeof(void *));
		reserve->held = array->held;
		store_relaxed(&reserve->minimum, array->length);
		store_relaxed(&reserve->level, kept + more);
		add_relaxed(&reserve->given, 1);
		*array = old;
	}
	release(reserve);
	if (is_expected && waiting > 0 && more > 0)
		wake(reserve, more);
	return is_expected;
}

LM_EXPORT cold int lm_reserve_resize(struct lm_reserve *reserve, size_t minimum)
{
	reserve_look(reserve, "lm_reserve_resize");
	if (minimum == 0) {
		refuse("lm_reserve_resize", REFUSED_MINIMUM);
		return -1;
	}
	for (bool is_done = false; !is_done;) {
		struct array array;
		size_t before = load_relaxed(&reserve->minimum);
		if (!array_make(reserve, &array, before, minimum)) {
			errno = ENOMEM;
			return -1;
		}
		is_done = array_install(reserve, &array, before);
		array_free(reserve, &array);
	}
	return 0;
}

static void reserve_check(const struct lm_reserve *reserve)
{
	acquire(reserve);
	size_t level = load_relaxed(&reserve->level);
	bool is_right = level <= load_relaxed(&reserve->minimum);
	for (size_t i = 0; is_right && i < level; i++)
		is_right = reserve->held[i] != NULL;
	release(reserve);
	if (!is_right)
		report_internal("reserve: it holds more than its minimum, or NULL");
}

LM_EXPORT cold size_t lm_reserve_level(const struct lm_reserve *reserve)
{
	reserve_look(reserve, "lm_reserve_level");
	if (DEBUG_CHECKS)
		reserve_check(reserve);
	return load_relaxed(&reserve->level);
}

LM_EXPORT cold void lm_reserve_destroy(struct lm_reserve *reserve)
{
	if (reserve == NULL)
		return;
	meta_handle_end(&reserve->handle, REPORT_RESERVE_DESTROYED, "lm_reserve_destroy");
	struct array all = {reserve->held, load_relaxed(&reserve->minimum), 0, load_relaxed(&reserve->level)};
	store_relaxed(&reserve->level, 0);
	array_free(reserve, &all);
	meta_handle_put(&ended_reserves, &reserve->handle);
}
