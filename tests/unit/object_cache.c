/*
 * object_cache.c - object caches (libmalloc/cache.h) against a model that knows each live object and its content: random
 * operations on caches of random shapes, constructed state, colours, merging, ids used again, running out, threads.
 */
#define _GNU_SOURCE
#include "heap/request.h"
#include "magazine/bins.h"
#include "magazine/depot.h"
#include "magazine/thread_cache.h"
#include "object/object_bin.h"
#include "slab/cache.h"
#include "slab/slab.h"
#include "unit.h"

#include "base/bits.h"
#include "base/settings.h"
#include "libc/fork.h"
#include "proc/statistics.h"
#include "heap/heap.h"
#include "heap/resize.h"
#include "page/meta.h"
#include "page/trim.h"
#include "object/object_cache.h"
#include "slab/reclaim.h"

#include <errno.h>
#include <libmalloc/cache.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CACHES = 24, LIVE_MAX = 3000, CONSTRUCTED = 0x5a };

/* --- what the model knows --- */

struct model {
	struct lm_cache *cache;
	size_t bytes;
	size_t align;
	unsigned flags;
	bool constructed;
	size_t count;
	void *live[LIVE_MAX];
	uint64_t tag[LIVE_MAX];
};

static struct model models[CACHES];
static _Atomic size_t nctor, ndtor;
static uint64_t next_tag;

/* The first bytes of a constructed object: 8 at least in those tests. */
static void construct(void *object)
{
	memset(object, CONSTRUCTED, 8);
	atomic_fetch_add_explicit(&nctor, 1, memory_order_relaxed);
}

static void destruct(void *object)
{
	check(((unsigned char *)object)[7] == CONSTRUCTED);
	atomic_fetch_add_explicit(&ndtor, 1, memory_order_relaxed);
}

static bool is_constructed(const void *object)
{
	for (size_t i = 0; i < 8; i++)
		if (((const unsigned char *)object)[i] != CONSTRUCTED)
			return false;
	return true;
}

static size_t kept_bytes(const struct model *model) { return model->constructed ? 8 : 0; }

static void write_object(struct model *model, size_t at)
{
	char *object = model->live[at];
	model->tag[at] = next_tag++;
	content_write(object + kept_bytes(model), model->bytes - kept_bytes(model), model->tag[at]);
}

static void check_object(struct model *model, size_t at)
{
	char *object = model->live[at];
	check(content_is(object + kept_bytes(model), model->bytes - kept_bytes(model), model->tag[at]));
	check(!model->constructed || is_constructed(object));
}

static void came(struct model *model, void *object)
{
	check(object != NULL && (uintptr_t)object % model->align == 0);
	check(!model->constructed || is_constructed(object));
	check(lm_cache_of(object) != NULL);
	model->live[model->count] = object;
	write_object(model, model->count++);
}

static void *goes(struct model *model, size_t at)
{
	void *object = model->live[at];
	check_object(model, at);
	model->count--;
	model->live[at] = model->live[model->count];
	model->tag[at] = model->tag[model->count];
	return object;
}

static size_t natural_align(size_t bytes) { return bytes >= 16 ? 16 : 8; }

static void create(struct model *model, struct random *random)
{
	static const unsigned kinds[] = {0, 0, LM_CACHE_HWALIGN, LM_CACHE_NO_MERGE, LM_CACHE_POISON, LM_CACHE_RED_ZONE,
					 LM_CACHE_POISON | LM_CACHE_RED_ZONE, LM_CACHE_RED_ZONE | LM_CACHE_HWALIGN};
	model->flags = kinds[random_below(random, sizeof(kinds) / sizeof(kinds[0]))];
	model->bytes = 1 + random_below(random, random_one_in(random, 8) ? 100000 : 500);
	model->constructed = !(model->flags & LM_CACHE_POISON) && model->bytes >= 8 && random_one_in(random, 2);
	size_t align = random_one_in(random, 2) ? 0 : (size_t)1 << random_below(random, 13);
	model->align = size_max(align != 0 ? align : natural_align(model->bytes), 8);
	if (model->flags & LM_CACHE_HWALIGN)
		model->align = size_max(model->align, CACHE_LINE_BYTES);
	model->count = 0;
	model->cache = lm_cache_create("model", model->bytes, align, model->flags, model->constructed ? construct : NULL,
				       model->constructed ? destruct : NULL);
	check(model->cache != NULL);
}

static void numbers_are_right(struct model *model)
{
	struct lm_cache_info info;
	lm_cache_info(model->cache, &info);
	check(strcmp(info.name, "model") == 0 && info.object_bytes == model->bytes && info.align_bytes == model->align);
	check(info.stride_bytes >= info.object_bytes && info.stride_bytes % info.align_bytes == 0);
	check(info.slab_objects * info.stride_bytes <= info.slab_pages * PAGE_BYTES);
	check(info.slabs * info.slab_objects >= info.live_objects && info.empty_slabs <= info.slabs);
	/* Others may share the slabs. */
	bool shared = model->cache->kind->handles->next != NULL;
	check(shared ? info.live_objects >= model->count : info.live_objects == model->count);
}

static void alloc_some(struct model *model, struct random *random)
{
	void *objects[40];
	size_t count = size_min(1 + random_below(random, 40), LIVE_MAX - model->count);
	if (random_one_in(random, 2) && count > 0) {
		check(lm_cache_alloc_bulk(model->cache, count, objects) == count);
		for (size_t i = 0; i < count; i++)
			came(model, objects[i]);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		bool zeroed = !model->constructed && random_one_in(random, 4);
		void *object = zeroed ? lm_cache_alloc_flags(model->cache, LM_ZERO) : lm_cache_alloc(model->cache);
		check(object != NULL && (!zeroed || content_is_zero(object, model->bytes)));
		came(model, object);
	}
}

static void free_some(struct model *model, struct random *random)
{
	void *objects[40];
	size_t count = size_min(1 + random_below(random, 40), model->count);
	for (size_t i = 0; i < count; i++)
		objects[i] = goes(model, random_below(random, model->count));
	if (random_one_in(random, 2)) {
		lm_cache_free_bulk(model->cache, count, objects);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (random_one_in(random, 4))
			heap_free(objects[i], "free");
		else
			lm_cache_free(model->cache, objects[i]);
	}
}

static void empty_and_destroy(struct model *model)
{
	bool shared = model->cache->kind->handles->next != NULL;
	while (model->count > 0)
		lm_cache_free(model->cache, goes(model, model->count - 1));
	check(lm_cache_destroy(model->cache) == 0 || shared);
	model->cache = NULL;
}

static void step(struct random *random)
{
	struct model *model = &models[random_below(random, CACHES)];
	if (model->cache == NULL) {
		create(model, random);
		return;
	}
	switch (random_below(random, 40)) {
	case 0: lm_cache_shrink(model->cache); break;
	case 1: reclaim_all(); break;
	case 2: empty_and_destroy(model); break;
	case 3: numbers_are_right(model); break;
	case 4: heap_free(heap_alloc(1 + random_below(random, 3000)), "free"); break;
	default: random_below(random, 2) ? alloc_some(model, random) : free_some(model, random); break;
	}
}

static void random_operations(void **state)
{
	(void)state;
	struct random random = random_start(1);
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		step(&random);
		if (i % 1000 == 0)
			check_everything();
	}
	for (size_t i = 0; i < CACHES; i++)
		if (models[i].cache != NULL)
			empty_and_destroy(&models[i]);
	check(nctor == ndtor);
	for (unsigned id = CLASS_COUNT; id < ID_COUNT; id++)
		check(caches[id].kind == NULL && caches[id].slabs == 0 && caches[id].objects_out == 0);
	thread_cache_flush();
	check_all_objects_free();
}

/* --- one thing each --- */

static struct lm_cache *plain(const char *name, size_t bytes, unsigned flags)
{
	struct lm_cache *cache = lm_cache_create(name, bytes, 0, flags, NULL, NULL);
	check(cache != NULL);
	return cache;
}

static struct lm_cache *constructed(size_t bytes)
{
	struct lm_cache *cache = lm_cache_create("constructed", bytes, 0, 0, construct, destruct);
	check(cache != NULL);
	return cache;
}

static struct lm_cache_info info_of(struct lm_cache *cache)
{
	struct lm_cache_info info;
	lm_cache_info(cache, &info);
	return info;
}

static void constructor_runs_once_for_each_object(void **state)
{
	(void)state;
	static void *objects[1000];
	struct lm_cache *cache = constructed(64);
	for (int round = 0; round < 50; round++) {
		check(lm_cache_alloc_bulk(cache, 200, objects) == 200);
		lm_cache_free_bulk(cache, 200, objects);
	}
	struct lm_cache_info info = info_of(cache);
	assert_int_equal(nctor, info.slabs * info.slab_objects);
	assert_int_equal(ndtor, 0);
	size_t slabs = info.slabs;
	assert_int_equal(lm_cache_shrink(cache), slabs * info.slab_pages * PAGE_BYTES);
	assert_int_equal(ndtor, nctor);
	assert_int_equal(lm_cache_destroy(cache), 0);
	assert_int_equal(ndtor, nctor);
}

/* A free object keeps its content until its slab is given back, whatever else gives memory back. */
static void constructed_objects_are_never_purged(void **state)
{
	(void)state;
	static void *objects[2000];
	struct lm_cache *cache = constructed(1000);
	check(lm_cache_alloc_bulk(cache, 2000, objects) == 2000);
	for (int i = 0; i < 2000; i++)
		if (i % 16 != 0)
			lm_cache_free(cache, objects[i]);
	thread_cache_flush();
	reclaim_all();
	check_everything();
	assert_int_equal(cache_idle_pages(), 0);
	for (int i = 0; i < 2000; i++)
		check(i % 16 == 0 || !page_is_resident(objects[i]) || is_constructed(objects[i]));
	size_t before = nctor;
	for (int i = 0; i < 1000; i++)
		check(is_constructed(objects[i] = lm_cache_alloc(cache)));
	assert_int_equal(nctor, before);
}

static void pages_of_plain_caches_are_purged(void **state)
{
	(void)state;
	static void *objects[4000];
	struct lm_cache *cache = plain("plain", 512, LM_CACHE_NO_MERGE);
	check(lm_cache_alloc_bulk(cache, 4000, objects) == 4000);
	for (int i = 0; i < 4000; i++)
		memset(objects[i], 1, 512);
	for (int i = 0; i < 4000; i++)
		if (i % 100 != 0)
			lm_cache_free(cache, objects[i]);
	thread_cache_flush();
	reclaim_all();
	assert_int_equal(cache_idle_pages(), 0);
	size_t resident = 0;
	for (int i = 0; i < 4000; i += 8)
		resident += page_is_resident(objects[i]);
	assert_in_range(resident, 40, 100);
	for (int i = 0; i < 4000; i += 100)
		lm_cache_free(cache, objects[i]);
	assert_int_equal(lm_cache_destroy(cache), 0);
	check_all_objects_free();
}

/* Each slab begins its objects elsewhere, as far as the waste allows, and all objects fit. */
static void slabs_are_coloured(void **state)
{
	(void)state;
	static void *objects[3000];
	struct lm_cache *cache = lm_cache_create("coloured", 600, 64, LM_CACHE_NO_MERGE, NULL, NULL);
	struct lm_cache_info info = info_of(cache);
	size_t waste = info.slab_pages * PAGE_BYTES - info.slab_objects * info.stride_bytes;
	assert_in_range(waste, 64, 4095);
	check(lm_cache_alloc_bulk(cache, 3000, objects) == 3000);
	bool seen[64] = {false};
	size_t colours = 0;
	for (int i = 0; i < 3000; i++) {
		unsigned id = slab_objects_id((uintptr_t)objects[i]);
		struct slab *slab = slab_of_cache((uintptr_t)objects[i], id);
		check(slab_object_begins((uintptr_t)objects[i], id));
		check(slab->colour <= waste && slab->colour % 64 == 0);
		memset(objects[i], i, 600);
		colours += !seen[slab->colour / 64];
		seen[slab->colour / 64] = true;
	}
	assert_int_equal(colours, waste / 64 + 1);
	check_everything();
	for (int i = 0; i < 3000; i++)
		for (int at = 0; at < 600; at++)
			check(((unsigned char *)objects[i])[at] == (unsigned char)i);
	lm_cache_free_bulk(cache, 3000, objects);
	assert_int_equal(lm_cache_destroy(cache), 0);
}

static void the_newest_comes_back_first(void **state)
{
	(void)state;
	struct lm_cache *cache = plain("lifo", 40, 0);
	void *a = lm_cache_alloc(cache);
	void *b = lm_cache_alloc(cache);
	lm_cache_free(cache, a);
	lm_cache_free(cache, b);
	assert_ptr_equal(lm_cache_alloc(cache), b);
	assert_ptr_equal(lm_cache_alloc(cache), a);
}

static void destroy_again(void *cache) { lm_cache_destroy(cache); }

static void alloc_again(void *cache) { lm_cache_alloc(cache); }

static void caches_of_a_shape_share_slabs(void **state)
{
	(void)state;
	char line[100];
	struct lm_cache *alone = plain("alone", 60, 0);
	settings.merge_caches = 1;
	struct lm_cache *a = plain("a", 60, LM_CACHE_NO_MERGE);
	assert_true(a->index != alone->index);
	assert_int_equal(lm_cache_destroy(a), 0);
	assert_int_equal(lm_cache_destroy(alone), 0);
	a = plain("a", 60, 0);
	struct lm_cache *b = plain("b", 64, 0);
	struct lm_cache *apart = plain("apart", 64, LM_CACHE_NO_MERGE);
	struct lm_cache *made = constructed(64);
	struct lm_cache *wide = lm_cache_create("wide", 64, 64, 0, NULL, NULL);
	assert_int_equal(a->index, b->index);
	assert_true(apart->index != a->index && made->index != a->index && wide->index != a->index);
	assert_int_equal(info_of(a).object_bytes, 60);
	assert_string_equal(info_of(b).name, "b");
	void *object = lm_cache_alloc(a);
	assert_ptr_equal(lm_cache_of(object), a);
	/* One goes, the other has the objects. */
	assert_int_equal(lm_cache_destroy(a), 0);
	assert_ptr_equal(lm_cache_of(object), b);
	snprintf(line, sizeof(line), "libmalloc: cache already destroyed: %p (lm_cache_destroy)", (void *)a);
	unit_expect_abort(destroy_again, a, line);
	snprintf(line, sizeof(line), "libmalloc: cache already destroyed: %p (lm_cache_alloc)", (void *)a);
	unit_expect_abort(alloc_again, a, line);
	lm_cache_free(b, object);
	assert_int_equal(lm_cache_destroy(b), 0);
	assert_int_equal(lm_cache_destroy(apart), 0);
	assert_int_equal(lm_cache_destroy(made), 0);
	assert_int_equal(lm_cache_destroy(wide), 0);
}

static void ids_are_used_again(void **state)
{
	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct lm_cache *cache = plain("again", 16 + (size_t)round * 8 % 4000, LM_CACHE_NO_MERGE);
		assert_int_equal(cache->index, 0);
		void *object = lm_cache_alloc(cache);
		void *other = lm_cache_alloc(cache);
		lm_cache_free(cache, object);
		assert_int_equal(info_of(cache).live_objects, 1);
		lm_cache_free(cache, other);
		assert_int_equal(lm_cache_destroy(cache), 0);
	}
	thread_cache_flush();
	check_all_objects_free();
}

static void there_is_a_most_of_caches(void **state)
{
	(void)state;
	static struct lm_cache *all[ID_COUNT];
	unsigned count = 0;
	while ((all[count] = lm_cache_create("many", 64, 0, LM_CACHE_NO_MERGE, NULL, NULL)) != NULL)
		lm_cache_free(all[count], lm_cache_alloc(all[count])), count++;
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(count, ID_COUNT - CLASS_COUNT);
	check_everything();
	while (count > 0)
		assert_int_equal(lm_cache_destroy(all[--count]), 0);
	thread_cache_flush();
	check_all_objects_free();
}

static void objects_are_blocks_of_malloc_too(void **state)
{
	(void)state;
	struct lm_cache *cache = plain("block", 100, 0);
	struct lm_cache *red = plain("red", 100, LM_CACHE_RED_ZONE);
	char *object = lm_cache_alloc(cache);
	char *checked = lm_cache_alloc(red);
	assert_int_equal(heap_usable(object), 112);
	assert_int_equal(heap_usable(checked), 100);
	assert_int_equal(heap_usable(object + 16), 0);
	memset(object, 7, 100);
	memset(checked, 8, 100);
	char *moved = heap_realloc(object, 5000, "realloc");
	char *moved_too = heap_realloc(checked, 5000, "realloc");
	for (int i = 0; i < 100; i++)
		check(moved[i] == 7 && moved_too[i] == 8);
	assert_null(lm_cache_of(moved));
	heap_free(moved, "free");
	heap_free(moved_too, "free");
	heap_free(lm_cache_alloc(cache), "free");
	heap_free(lm_cache_alloc(red), "free");
	assert_int_equal(lm_cache_destroy(cache), 0);
	assert_int_equal(lm_cache_destroy(red), 0);
}

struct refused {
	const char *name;
	size_t size;
	size_t align;
	unsigned flags;
	void (*ctor)(void *);
};

static void create_refused(void *argument)
{
	const struct refused *r = argument;
	check(lm_cache_create(r->name, r->size, r->align, r->flags, r->ctor, NULL) == NULL && errno == EINVAL);
	_exit(0);
}

static void what_is_asked_for_is_looked_at(void **state)
{
	(void)state;
	static const char *const line = "libmalloc: bad ";
	static char long_name[LM_CACHE_NAME_MAX + 2];
	memset(long_name, 'x', LM_CACHE_NAME_MAX + 1);
	const struct refused cases[] = {
		{NULL, 8, 0, 0, NULL},	    {"", 8, 0, 0, NULL},	   {"a b", 8, 0, 0, NULL},
		{long_name, 8, 0, 0, NULL}, {"x", 0, 0, 0, NULL},	   {"x", LM_CACHE_OBJECT_MAX + 1, 0, 0, NULL},
		{"x", 8, 3, 0, NULL},	    {"x", 8, 8192, 0, NULL},	   {"x", 8, 0, 0x20, NULL},
		{"x", 8, 0, LM_CACHE_POISON, construct}, {"x", LM_CACHE_OBJECT_MAX, 0, LM_CACHE_RED_ZONE, NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[300];
		assert_int_equal(unit_capture(create_refused, (void *)&cases[i], text, sizeof(text)), 0);
		assert_memory_equal(text, line, strlen(line));
		assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	}
	long_name[LM_CACHE_NAME_MAX] = '\0';
	struct lm_cache *most = lm_cache_create(long_name, LM_CACHE_OBJECT_MAX, 4096, 0, NULL, NULL);
	void *object = lm_cache_alloc(most);
	memset(object, 1, LM_CACHE_OBJECT_MAX);
	lm_cache_free(most, object);
	assert_int_equal(lm_cache_destroy(most), 0);
	struct lm_cache *red = lm_cache_create("x", LM_CACHE_OBJECT_MAX - 24, 0, LM_CACHE_RED_ZONE, NULL, NULL);
	lm_cache_free(red, lm_cache_alloc(red));
	assert_int_equal(lm_cache_destroy(red), 0);
	assert_int_equal(lm_cache_destroy(NULL), 0);
}

static void panic(void *argument)
{
	(void)argument;
	lm_cache_create("x", 0, 0, LM_CACHE_PANIC, NULL, NULL);
}

static void panic_stops(void **state)
{
	(void)state;
	unit_expect_abort(panic, NULL, "libmalloc: bad argument: size must be 1 to 131072 (lm_cache_create)");
}

static void flags_of_alloc(void **state)
{
	(void)state;
	struct lm_cache *cache = constructed(64);
	char text[300];
	(void)text;
	errno = 0;
	assert_null(lm_cache_alloc_flags(cache, LM_NOSYSCALL));
	assert_int_equal(errno, EAGAIN);
	errno = 0;
	assert_null(lm_cache_alloc_flags(cache, LM_ZERO));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(lm_cache_alloc_flags(cache, LM_NOFAIL | LM_NORETRY));
	assert_int_equal(errno, EINVAL);
	errno = 0;
	assert_null(lm_cache_alloc_flags(cache, LM_DMA32));
	assert_int_equal(errno, EINVAL);
	void *object = lm_cache_alloc_flags(cache, LM_NOFAIL);
	errno = 0;
	void *second = lm_cache_alloc_flags(cache, LM_NOSYSCALL);
	assert_int_equal(errno, 0);
	assert_true(is_constructed(object) && is_constructed(second));
	lm_cache_free(cache, object);
	lm_cache_free(cache, second);
	/* Free objects in slabs are found without a system call. Those in this thread's magazines are not. */
	static void *objects[1000];
	size_t count = lm_cache_alloc_bulk(cache, 700, objects);
	lm_cache_free_bulk(cache, count / 2, objects);
	lm_cache_shrink(cache);
	struct lm_cache_info info = info_of(cache);
	size_t left = info.slabs * info.slab_objects - info.live_objects;
	assert_in_range(left, 1, 1000 - count);
	forbid_system_call(SYS_mmap);
	forbid_system_call(SYS_brk);
	forbid_system_call(SYS_madvise);
	forbid_system_call(SYS_futex);
	for (size_t i = 0; i < left; i++)
		check(is_constructed(lm_cache_alloc_flags(cache, LM_NOSYSCALL)));
	check(lm_cache_alloc_flags(cache, LM_NOSYSCALL) == NULL && errno == EAGAIN);
	lm_cache_free(cache, objects[count - 1]);
	check(lm_cache_alloc_flags(cache, LM_NOSYSCALL) == NULL && errno == EAGAIN);
	check(lm_cache_alloc(cache) == objects[count - 1]);
}

/* Some empty slabs are kept for the next requests, but by far not all. */
static void few_empty_slabs_are_kept(void **state)
{
	(void)state;
	static void *objects[20000];
	struct lm_cache *caches_of[] = {
		plain("plain", 300, LM_CACHE_NO_MERGE),
		lm_cache_create("undestructed", 300, 0, 0, construct, NULL),
		constructed(300),
	};
	for (int i = 0; i < 3; i++) {
		struct lm_cache *cache = caches_of[i];
		check(lm_cache_alloc_bulk(cache, 20000, objects) == 20000);
		size_t most = info_of(cache).slabs;
		lm_cache_free_bulk(cache, 20000, objects);
		object_bin_flush(object_cache_id(cache));
		/* Destructors are called at the next miss. */
		if (i == 2)
			check(lm_cache_alloc(cache) != NULL);
		struct lm_cache_info info = info_of(cache);
		assert_true(most > 50);
		assert_in_range(info.empty_slabs, 1, most / 4);
		assert_in_range(info.slabs, 1, most / 4 * 3);
		check_everything();
		/* A purge takes their frames, not the slabs. */
		lock_acquire(&purge_lock, RANK_PURGE);
		cache_purge(object_cache_id(cache), 0);
		lock_release(&purge_lock, RANK_PURGE);
		assert_int_equal(info_of(cache).empty_slabs, info.empty_slabs);
	}
}

/* --- destroy --- */

static void destroy_in_use(void *argument)
{
	struct lm_cache *cache = plain("used", 64, LM_CACHE_NO_MERGE);
	void *objects[100];
	size_t count = *(size_t *)argument;
	check(lm_cache_alloc_bulk(cache, count, objects) == count);
	/* Some more were in use, and stand in magazines now. */
	void *more[50];
	check(lm_cache_alloc_bulk(cache, 50, more) == 50);
	lm_cache_free_bulk(cache, 50, more);
	check(lm_cache_destroy(cache) == count);
	/* All is as it was. */
	for (size_t i = 0; i < count; i++)
		content_write(objects[i], 64, i);
	void *another = lm_cache_alloc(cache);
	for (size_t i = 0; i < count; i++)
		check(content_is(objects[i], 64, i) && objects[i] != another);
	check(lm_cache_of(objects[0]) == cache);
	lm_cache_free(cache, another);
	lm_cache_free_bulk(cache, count, objects);
	check(lm_cache_destroy(cache) == 0);
	_exit(0);
}

static void destroy_reports_what_is_live(void **state)
{
	(void)state;
	static const size_t counts[] = {1, 5, 20, 90, 100};
	size_t named = 5;
	for (size_t i = 0; i < 5; i++) {
		char text[8000];
		assert_int_equal(unit_capture(destroy_in_use, (void *)&counts[i], text, sizeof(text)), 0);
		char last[100];
		snprintf(last, sizeof(last), "libmalloc: live objects: %zu of cache used (lm_cache_destroy)\n", counts[i]);
		size_t lines = 0;
		char *at = text;
		for (; *at != '\0' && strcmp(at, last) != 0; at = strchr(at, '\n') + 1, lines++)
			check(strncmp(at, "libmalloc: live object of cache used: 0x", 40) == 0);
		/* Where a few objects are live, each is named; where many are, some. */
		assert_in_range(lines, size_min(counts[i], named), counts[i]);
		named = size_max(named, lines);
		assert_true(counts[i] < 90 || lines < counts[i]);
		assert_string_equal(at, last);
	}
}

/* --- damage --- */

enum damage { BEHIND, BEFORE, LAST_RED, WHILE_FREE, LAST_WHILE_FREE };

static void destroy_lists_what_is_live(void **state)
{
	(void)state;
	static void *objects[1000];
	struct lm_cache *cache = plain("purged", 72, 0);
	check(lm_cache_alloc_bulk(cache, 1000, objects) == 1000);
	lm_cache_free_bulk(cache, 997, objects);
	const void *live[3] = {NULL};
	assert_int_equal(object_cache_destroy(cache, live, 2), 3);
	check(live[0] != NULL && live[1] != NULL && live[2] == NULL);
	assert_int_equal(object_cache_destroy(cache, live, 3), 3);
	for (size_t i = 0; i < 3; i++)
		check(live[0] == objects[997 + i] || live[1] == objects[997 + i] || live[2] == objects[997 + i]);
	assert_false(lock_is_held(&purge_lock));
	lm_cache_free_bulk(cache, 3, objects + 997);
	assert_int_equal(object_cache_destroy(cache, live, 3), 0);
}

static void damage(void *argument)
{
	struct lm_cache *cache = plain("widget", 50, LM_CACHE_RED_ZONE | LM_CACHE_POISON);
	char *object = lm_cache_alloc(cache);
	memset(object, 1, 50);
	switch (*(enum damage *)argument) {
	case BEHIND: object[50] = 1; break;
	case BEFORE: object[-16] = 1; break;
	case LAST_RED: object[info_of(cache).stride_bytes - 17] = 0; break;
	case WHILE_FREE: lm_cache_free(cache, object), object[8] = 0; break;
	case LAST_WHILE_FREE: lm_cache_free(cache, object), object[49] = 0; break;
	}
	if (*(enum damage *)argument < WHILE_FREE)
		lm_cache_free(cache, object);
	else
		for (int i = 0; i < 10; i++)
			lm_cache_alloc(cache);
	_exit(0);
}

static void damage_is_reported_with_its_offset(void **state)
{
	(void)state;
	char last_red[100];
	struct lm_cache *cache = plain("widget", 50, LM_CACHE_RED_ZONE | LM_CACHE_POISON);
	snprintf(last_red, sizeof(last_red), "libmalloc: red zone overwritten at offset %zu of cache widget: 0x",
		 info_of(cache).stride_bytes - 17);
	const char *const lines[] = {
		"libmalloc: red zone overwritten at offset 50 of cache widget: 0x",
		"libmalloc: red zone overwritten at offset -16 of cache widget: 0x",
		last_red,
		"libmalloc: freed object written to at offset 8 of cache widget: 0x",
		"libmalloc: freed object written to at offset 49 of cache widget: 0x",
	};
	for (enum damage i = BEHIND; i <= LAST_WHILE_FREE; i++) {
		char text[300];
		int status = unit_capture(damage, &i, text, sizeof(text));
		assert_true(WIFSIGNALED(status));
		text[strlen(lines[i])] = '\0';
		assert_string_equal(text, lines[i]);
	}
}

/* --- memory runs out --- */

static struct rlimit as_before;

static void refuse_all(void)
{
	getrlimit(RLIMIT_AS, &as_before);
	struct rlimit none = {1, as_before.rlim_max};
	check(setrlimit(RLIMIT_AS, &none) == 0);
}

static void allow_all(void) { check(setrlimit(RLIMIT_AS, &as_before) == 0); }

static void malloc_trim_all(void)
{
	reclaim_all();
	trim_to_pad(&zones[ZONE_HEAP], 0);
}

static size_t exhaust(struct lm_cache *cache, void **objects, size_t most)
{
	size_t count = 0;
	while (count < most && (objects[count] = lm_cache_alloc(cache)) != NULL)
		count++;
	return count;
}

static void running_out_loses_nothing(void **state)
{
	(void)state;
	enum { MOST = 400000 };
	static void *objects[MOST];
	static const size_t sizes[] = {24, 500, 5000, 60000};
	for (size_t s = 0; s < 4; s++) {
		for (int with = 0; with < 3; with++) {
			struct lm_cache *cache = with == 1 ? constructed(sizes[s])
							   : plain("out", sizes[s], with == 2 ? LM_CACHE_RED_ZONE : 0);
			/* Some pages of the heap, which are free again. */
			heap_free(heap_alloc(120000), "free");
			check(lm_cache_alloc_bulk(cache, 10, objects) == 10);
			refuse_all();
			size_t count = 10 + exhaust(cache, objects + 10, MOST - 10);
			int error = errno;
			void *more[10];
			size_t bulk = lm_cache_alloc_bulk(cache, 10, more);
			bool flagged = lm_cache_alloc_flags(cache, LM_NOWARN | LM_NORETRY) == NULL;
			/* Four are freed. A request for ten fails and keeps none, so the next one gets the four. */
			check(count > 4);
			lm_cache_free_bulk(cache, 4, objects + count - 4);
			bulk += lm_cache_alloc_bulk(cache, 10, more);
			size_t again = lm_cache_alloc_bulk(cache, 4, objects + count - 4);
			allow_all();
			check(error == ENOMEM && bulk == 0 && flagged && again == 4);
			lm_cache_free_bulk(cache, count, objects);
			check_everything();
			assert_int_equal(info_of(cache).live_objects, 0);
			assert_int_equal(lm_cache_destroy(cache), 0);
		}
	}
	assert_int_equal(nctor, ndtor);
	thread_cache_flush();
	check_all_objects_free();
}

/* From no memory at all to enough, a little more each time: whatever the step that fails, nothing is lost. */
static void each_step_may_run_out(void **state)
{
	(void)state;
	enum { MOST = 2000 };
	static void *objects[MOST];
	struct rlimit both;
	size_t failures = 0, successes = 0, partial = 0;
	getrlimit(RLIMIT_AS, &both);
	for (size_t more = 0; more < 160; more += 2) {
		struct rlimit little = {address_space_pages() * PAGE_BYTES + more * 16 * 1024, both.rlim_max};
		check(setrlimit(RLIMIT_AS, &little) == 0);
		struct lm_cache *cache = lm_cache_create("step", 600, 0, LM_CACHE_NO_MERGE, construct, destruct);
		size_t count = cache == NULL ? 0 : exhaust(cache, objects, MOST);
		void *block = heap_alloc(50000);
		check(setrlimit(RLIMIT_AS, &both) == 0);
		heap_free(block, "free");
		for (size_t i = 0; i < count; i++)
			check(is_constructed(objects[i]));
		failures += count < MOST;
		partial += count > 0 && count < MOST;
		successes += count == MOST;
		if (cache != NULL) {
			lm_cache_free_bulk(cache, count, objects);
			check(lm_cache_destroy(cache) == 0);
		}
		check(nctor == ndtor);
		check_everything();
		/* So that the next round has to ask the system again. */
		thread_cache_flush();
		malloc_trim_all();
	}
	check(failures > 0 && successes > 0 && partial > 0);
	thread_cache_flush();
	check_all_objects_free();
}

/* Memory that caches keep empty serves others when it is short. */
static void empty_slabs_are_reaped_in_shortage(void **state)
{
	(void)state;
	static void *objects[100000];
	struct lm_cache *cache = constructed(4000);
	check(lm_cache_alloc_bulk(cache, 100, objects) == 100);
	lm_cache_free_bulk(cache, 100, objects);
	object_bin_flush(object_cache_id(cache));
	assert_true(info_of(cache).empty_slabs > 0);
	refuse_all();
	size_t count = 0;
	while (count < 100000 && (objects[count] = heap_alloc(4000)) != NULL)
		count++;
	allow_all();
	assert_int_equal(info_of(cache).slabs, 0);
	assert_int_equal(nctor, ndtor);
	while (count > 0)
		heap_free(objects[--count], "free");
	check(is_constructed(lm_cache_alloc(cache)));
}

/* Creation needs the library's own memory: where there is none, it fails and leaves nothing behind. */
static void creation_runs_out(void **state)
{
	(void)state;
	static struct lm_cache *all[ID_COUNT];
	static const size_t bytes[] = {sizeof(struct object_kind), sizeof(struct lm_cache), sizeof("some")};
	enum { PIECES = 3, SPARE = 8 * PIECES };
	void *spare[SPARE];
	for (int i = 0; i < SPARE; i++)
		spare[i] = meta_alloc(bytes[i % PIECES]);
	refuse_all();
	for (size_t piece = 8192; piece >= CACHE_LINE_BYTES; piece /= 2)
		while (meta_alloc(piece) != NULL)
			continue;
	errno = 0;
	assert_null(lm_cache_create("some", 64, 0, 0, NULL, NULL));
	int error = errno;
	/* There is memory for one piece of three; then for two; then for all; then for one again. */
	unsigned count = 0;
	for (int i = SPARE; i-- > 0;) {
		meta_free(spare[i], bytes[i % PIECES]);
		all[count] = lm_cache_create("some", 64, 0, LM_CACHE_NO_MERGE, NULL, NULL);
		count += all[count] != NULL;
	}
	allow_all();
	assert_int_equal(error, ENOMEM);
	assert_int_equal(count, SPARE / PIECES);
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(lm_cache_destroy(all[i]), 0);
	for (unsigned id = CLASS_COUNT; id < ID_COUNT; id++)
		assert_null(caches[id].kind);
	struct lm_cache *cache = plain("after", 64, 0);
	lm_cache_free(cache, lm_cache_alloc(cache));
	assert_int_equal(lm_cache_destroy(cache), 0);
}

/* --- several threads --- */

static struct lm_cache *shared, *shared_made;
static pthread_barrier_t barrier;

/* Objects that pass from thread to thread through a table, and some of malloc's beside them. */
enum { SLOTS = 512 };
static void *_Atomic slots[SLOTS];

static void pass_objects(unsigned index)
{
	struct random random = random_start(index);
	for (size_t i = 0; i < unit_rounds(60000); i++) {
		size_t at = random_below(&random, SLOTS);
		struct lm_cache *cache = at % 2 ? shared : shared_made;
		char *object = lm_cache_alloc(cache);
		check(object != NULL && (cache == shared || is_constructed(object)));
		object[8] = (char)at;
		object = atomic_exchange_explicit(&slots[at], object, memory_order_acq_rel);
		if (object != NULL) {
			check(object[8] == (char)at);
			lm_cache_free(cache, object);
		}
		if (i % 5000 == 0)
			lm_cache_shrink(cache);
		if (i % 7000 == 0)
			reclaim_all();
		heap_free(heap_alloc(1 + random_below(&random, 2000)), "free");
	}
	thread_cache_end();
}

static void threads_pass_objects(void **state)
{
	(void)state;
	shared = plain("shared", 72, 0);
	shared_made = constructed(72);
	unit_threads(4, pass_objects);
	for (size_t i = 0; i < SLOTS; i++)
		if (slots[i] != NULL)
			lm_cache_free(i % 2 ? shared : shared_made, slots[i]);
	check_everything();
	assert_int_equal(lm_cache_destroy(shared), 0);
	assert_int_equal(lm_cache_destroy(shared_made), 0);
	assert_int_equal(nctor, ndtor);
	thread_cache_flush();
	check_all_objects_free();
}

/*
 * One thread destroys caches whose objects stand in magazines of others, which go on with malloc and with caches of
 * their own: of sizes for which bins must be closed for room.
 */

/* So many bins that some must be closed for others. */
static void crowd(void)
{
	void *blocks[30];
	for (size_t bytes = 16; bytes <= 32768; bytes += bytes / 4) {
		for (int i = 0; i < 30; i++)
			blocks[i] = heap_alloc(bytes);
		for (int i = 0; i < 30; i++)
			heap_free(blocks[i], "free");
	}
}

/* An unused bin is closed when others need its room, and is opened again when it is used. */
static void unused_bins_give_room(void **state)
{
	(void)state;
	struct lm_cache *cache = plain("unused", 1000, LM_CACHE_NO_MERGE);
	void *objects[60];
	unsigned id = object_cache_id(cache);
	for (int round = 0; round < 3; round++) {
		/* Where others are in use it may have to ask for its room again. */
		for (int i = 0; object_bins_count(id) == 0; i++) {
			check(i < 100 && lm_cache_alloc_bulk(cache, 60, objects) == 60);
			lm_cache_free_bulk(cache, 60, objects);
		}
		for (int i = 0; i < 100 && object_bins_count(id) > 0; i++)
			crowd();
		check(object_bins_count(id) == 0 && info_of(cache).live_objects == 0);
		thread_cache_check(thread_cache_self);
	}
	assert_int_equal(lm_cache_destroy(cache), 0);
}

static void work_beside(struct random *random)
{
	if (random_one_in(random, 2))
		crowd();
	else if (random_one_in(random, 2))
		thread_cache_flush();
	struct lm_cache *own = plain("own", 16 + random_below(random, 500), LM_CACHE_NO_MERGE);
	void *objects[60];
	check(lm_cache_alloc_bulk(own, 60, objects) == 60);
	for (int i = 0; i < 20; i++)
		heap_free(heap_alloc(1 + random_below(random, 100000)), "free");
	lm_cache_free_bulk(own, 60, objects);
	check(lm_cache_destroy(own) == 0);
}

static void use_then_leave(unsigned index)
{
	struct random random = random_start(index);
	for (size_t round = 0; round < unit_rounds(150); round++) {
		pthread_barrier_wait(&barrier);
		void *objects[100];
		struct lm_cache *cache = atomic_load_explicit(&slots[0], memory_order_relaxed);
		check(lm_cache_alloc_bulk(cache, 100, objects) == 100);
		lm_cache_free_bulk(cache, 100, objects);
		pthread_barrier_wait(&barrier);
		if (index == 0)
			check(lm_cache_destroy(cache) == 0);
		for (int i = 0; i < 4; i++)
			work_beside(&random);
		if (index == 0)
			atomic_store_explicit(&slots[0], round % 2 ? constructed(40 + round) : plain("next", 2000, 0),
					      memory_order_relaxed);
		struct statistics now;
		if (index == 1)
			statistics_collect(&now);
	}
	thread_cache_end();
}

static void threads_keep_magazines_of_destroyed_caches(void **state)
{
	(void)state;
	pthread_barrier_init(&barrier, NULL, 3);
	slots[0] = plain("first", 64, LM_CACHE_NO_MERGE);
	unit_threads(3, use_then_leave);
	assert_int_equal(lm_cache_destroy(slots[0]), 0);
	assert_int_equal(nctor, ndtor);
	thread_cache_flush();
	depot_drain_all();
	check_all_objects_free();
}

/* The same caches are made, used and destroyed by all; memory is short or trimmed meanwhile. */
static void make_and_destroy(unsigned index)
{
	struct random random = random_start(100 + index);
	for (size_t i = 0; i < unit_rounds(1500); i++) {
		bool made = random_one_in(&random, 2);
		size_t bytes = 8 * (1 + random_below(&random, 20));
		struct lm_cache *cache = made ? constructed(bytes) : plain("same", bytes, 0);
		void *objects[200];
		size_t count = 1 + random_below(&random, 200);
		check(lm_cache_alloc_bulk(cache, count, objects) == count);
		if (random_one_in(&random, 8))
			reclaim_all();
		lm_cache_free_bulk(cache, count, objects);
		check(lm_cache_destroy(cache) == 0);
	}
	thread_cache_end();
}

static void threads_make_and_destroy_caches(void **state)
{
	(void)state;
	unit_threads(4, make_and_destroy);
	assert_int_equal(nctor, ndtor);
	for (unsigned id = CLASS_COUNT; id < ID_COUNT; id++)
		check(caches[id].kind == NULL && caches[id].slabs == 0);
	check_all_objects_free();
}

/* Threads that end leave nothing in their magazines. */
static void use_and_end(unsigned index)
{
	void *objects[50];
	(void)index;
	check(lm_cache_alloc_bulk(shared, 50, objects) == 50);
	lm_cache_free_bulk(shared, 50, objects);
	thread_cache_end();
	/* Without a cache it goes on, slower. */
	void *object = lm_cache_alloc(shared);
	check(lm_cache_of(object) == shared);
	lm_cache_free(shared, object);
}

static void threads_that_end_give_all_back(void **state)
{
	(void)state;
	shared = plain("ending", 200, 0);
	unit_threads(8, use_and_end);
	assert_int_equal(object_bins_count(object_cache_id(shared)), 0);
	assert_int_equal(caches[object_cache_id(shared)].objects_out, depots[object_cache_id(shared)].objects);
	assert_int_equal(lm_cache_destroy(shared), 0);
}

/* Statistics count objects of caches as those of malloc. */
static void statistics_add_up(void **state)
{
	(void)state;
	static void *objects[1000];
	struct statistics before, now;
	struct lm_cache *cache = plain("counted", 128, LM_CACHE_NO_MERGE);
	statistics_collect(&before);
	check(lm_cache_alloc_bulk(cache, 1000, objects) == 1000);
	lm_cache_free_bulk(cache, 300, objects);
	statistics_collect(&now);
	assert_int_equal(now.live_bytes - before.live_bytes, 700 * 128);
	assert_in_range(now.cached_bytes - before.cached_bytes, 128, 500 * 128);
	assert_int_equal(info_of(cache).live_objects, 700);
}

/* Free objects come back constructed in the child as well; what it makes of them is its own. */
static void the_child_of_a_fork_goes_on(void **state)
{
	(void)state;
	struct lm_cache *cache = constructed(64);
	void *objects[100];
	check(lm_cache_alloc_bulk(cache, 100, objects) == 100);
	lm_cache_free_bulk(cache, 50, objects);
	pid_t child = fork();
	if (child == 0) {
		for (int i = 0; i < 50; i++)
			check(is_constructed(objects[i] = lm_cache_alloc(cache)));
		lm_cache_free_bulk(cache, 100, objects);
		check(lm_cache_destroy(cache) == 0 && nctor == ndtor);
		_exit(0);
	}
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	lm_cache_free_bulk(cache, 50, objects + 50);
	assert_int_equal(lm_cache_destroy(cache), 0);
}

/* What other threads had at hand when the process was forked does not count as live in the child. */
static void keep_and_wait(unsigned index)
{
	void *objects[200];
	check(lm_cache_alloc_bulk(shared, 200, objects) == 200);
	lm_cache_free_bulk(shared, 200, objects);
	pthread_barrier_wait(&barrier);
	if (index == 0) {
		pid_t child = fork();
		if (child == 0) {
			check(lm_cache_destroy(shared) == 0);
			struct lm_cache *again = plain("again", 72, 0);
			lm_cache_free(again, lm_cache_alloc(again));
			check(lm_cache_destroy(again) == 0);
			thread_cache_end();
			_exit(0);
		}
		int status;
		waitpid(child, &status, 0);
		check(status == 0);
	}
	pthread_barrier_wait(&barrier);
	thread_cache_end();
}

static void threads_left_behind_by_fork_hold_nothing(void **state)
{
	(void)state;
	fork_register();
	shared = plain("forked", 72, 0);
	pthread_barrier_init(&barrier, NULL, 3);
	unit_threads(3, keep_and_wait);
	assert_int_equal(lm_cache_destroy(shared), 0);
}

UNIT_MAIN(UNIT(random_operations), UNIT(constructor_runs_once_for_each_object),
	  UNIT(constructed_objects_are_never_purged), UNIT(pages_of_plain_caches_are_purged), UNIT(slabs_are_coloured),
	  UNIT(the_newest_comes_back_first), UNIT(caches_of_a_shape_share_slabs), UNIT(ids_are_used_again),
	  UNIT(there_is_a_most_of_caches), UNIT(objects_are_blocks_of_malloc_too), UNIT(what_is_asked_for_is_looked_at),
	  UNIT(panic_stops), UNIT(flags_of_alloc), UNIT(few_empty_slabs_are_kept),
	  UNIT(unused_bins_give_room),
	  UNIT(destroy_reports_what_is_live), UNIT(destroy_lists_what_is_live),
	  UNIT(damage_is_reported_with_its_offset), UNIT(running_out_loses_nothing),
	  UNIT(each_step_may_run_out),
	  UNIT(empty_slabs_are_reaped_in_shortage), UNIT(creation_runs_out), UNIT(threads_pass_objects),
	  UNIT(threads_keep_magazines_of_destroyed_caches), UNIT(threads_make_and_destroy_caches),
	  UNIT(threads_that_end_give_all_back), UNIT(statistics_add_up), UNIT(the_child_of_a_fork_goes_on),
	  UNIT(threads_left_behind_by_fork_hold_nothing))
