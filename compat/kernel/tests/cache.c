/* kmem_cache_...: all forms of kmem_cache_create, constructors, bulk, flags. */
#include <libmalloc/kernel.h>

#include "check.h"

struct thing {
	int state;
	char name[44];
	long value;
} __attribute__((aligned(8)));

static int constructed, destroyed;
static struct kmem_cache *seen;

static void construct(void *object)
{
	((struct thing *)object)->state = 7;
	constructed++;
}

static void construct_old(void *object, struct kmem_cache *cache, unsigned long flags)
{
	check(flags == SLAB_CTOR_CONSTRUCTOR);
	seen = cache;
	construct(object);
}

static void destroy_old(void *object, struct kmem_cache *cache, unsigned long flags)
{
	check(flags == 0 && cache == seen);
	check(((struct thing *)object)->state == 7);
	destroyed++;
}

/* Each object is constructed when it is allocated, and is in that state when it is freed. */
static void try_cache(struct kmem_cache *cache)
{
	struct thing *things[200];
	int i;
	check(cache != NULL && kmem_cache_size(cache) == sizeof(struct thing));
	for (i = 0; i < 200; i++) {
		things[i] = (struct thing *)kmem_cache_alloc(cache, i % 2 == 0 ? GFP_KERNEL : GFP_ATOMIC);
		check(things[i] != NULL && things[i]->state == 7);
		things[i]->value = i;
	}
	for (i = 0; i < 200; i++) {
		check(things[i]->value == i);
		kmem_cache_free(cache, things[i]);
	}
	check(kmem_cache_shrink(cache) == 0);
}

static void with_constructor(void)
{
	struct kmem_cache_args args = {};
	struct kmem_cache *cache = kmem_cache_create("things", sizeof(struct thing), 0, SLAB_HWCACHE_ALIGN, construct);
	constructed = 0;
	try_cache(cache);
	check(constructed >= 200 && strcmp(kmem_cache_name(cache), "things") == 0);
	kmem_cache_destroy(cache);

	args.align = 64;
	args.ctor = construct;
	constructed = 0;
	cache = kmem_cache_create("things-args", sizeof(struct thing), &args, SLAB_POISON | SLAB_NO_MERGE);
	try_cache(cache);
	check(constructed >= 200);
	kmem_cache_destroy(cache);

	cache = kmem_cache_create_usercopy("things-user", sizeof(struct thing), 0, SLAB_PANIC, 0, 8, construct);
	try_cache(cache);
	kmem_cache_destroy(cache);
}

/* The form of 2.6.18, with cache, flags and a destructor. As many caches as there are slots; one more fails. */
static void with_old_constructor(void)
{
	struct kmem_cache *caches[LM_KERNEL_CTOR_MAX], *cache;
	int i, round;
	for (round = 0; round < 2; round++) {
		constructed = destroyed = 0;
		cache = kmem_cache_create("things-2.6", sizeof(struct thing), 0, 0, construct_old, destroy_old);
		try_cache(cache);
		check(seen == cache && constructed >= 200);
		kmem_cache_destroy(cache);
		check(destroyed == constructed);
	}
	cache = kmem_cache_create("things-nothing", sizeof(struct thing), 0, 0, NULL, NULL);
	kmem_cache_destroy(cache);
	for (i = 0; i < LM_KERNEL_CTOR_MAX; i++) {
		caches[i] = kmem_cache_create("things-many", sizeof(struct thing), 0, 0, construct_old, NULL);
		check(caches[i] != NULL);
	}
	errno = 0;
	check(kmem_cache_create("things-many", sizeof(struct thing), 0, 0, construct_old, NULL) == NULL);
	check(errno == ENOSPC);
	for (i = 0; i < LM_KERNEL_CTOR_MAX; i++) {
		try_cache(caches[i]);
		check(seen == caches[i]);
		kmem_cache_destroy(caches[i]);
	}
}

static void without_constructor(void)
{
	struct kmem_cache *cache = KMEM_CACHE(thing, SLAB_HWCACHE_ALIGN | SLAB_POISON | SLAB_RED_ZONE | SLAB_ACCOUNT |
						     SLAB_RECLAIM_ACCOUNT | SLAB_STORE_USER | SLAB_CACHE_DMA);
	void *objects[100];
	struct lm_cache_info info;
	struct thing *thing = (struct thing *)kmem_cache_zalloc(cache, GFP_KERNEL);
	int i;
	check(filled_with(thing, 0, sizeof(*thing)) && aligned_to(thing, 8));
	check(ksize(thing) == sizeof(*thing));
	kfree(thing); /* which takes objects of caches too, as the kernel documents */

	check(kmem_cache_alloc_bulk(cache, GFP_KERNEL, 100, objects) == 100);
	for (i = 0; i < 100; i++)
		memset(objects[i], i, sizeof(struct thing));
	for (i = 0; i < 100; i++)
		check(filled_with(objects[i], (unsigned char)i, sizeof(struct thing)));
	kmem_cache_free_bulk(cache, 100, objects);
	check(kmem_cache_alloc_bulk(cache, GFP_KERNEL | __GFP_ZERO, 100, objects) == 100);
	for (i = 0; i < 100; i++)
		check(filled_with(objects[i], 0, sizeof(struct thing)));
	check(kmem_cache_destroy(cache) == 1); /* and prints the first of them on standard error */
	kmem_cache_free_bulk(NULL, 100, objects);
	kmem_cache_free(cache, kmem_cache_alloc_node(cache, GFP_KERNEL, 0));
	lm_cache_info(lm_kernel_cache(cache), &info);
	check(info.live_objects == 0);
	check(kmem_cache_destroy(cache) == 0);

	cache = KMEM_CACHE_USERCOPY(thing, 0, name);
	thing = (struct thing *)kmem_cache_alloc(cache, GFP_KERNEL);
	thing = (struct thing *)krealloc(thing, 1000, GFP_KERNEL);
	check(thing != NULL);
	kfree(thing);
	kmem_cache_destroy(cache);
	kmem_cache_destroy(NULL);
}

static void refused(void)
{
	kmem_cache_t *cache = kmem_cache_create("wide", (size_t)1 << 17, 0, 0, NULL);
	check(cache != NULL);
	kmem_cache_destroy(cache);
	errno = 0;
	check(kmem_cache_create("too-wide", ((size_t)1 << 17) + 1, 0, 0, NULL) == NULL && errno == EINVAL);
	check(kmem_cache_create("crooked", 64, 24, 0, NULL) == NULL && errno == EINVAL);
}

/* Two caches with different object sizes share slabs: the larger object keeps all its bytes. */
static void merged(void)
{
	struct kmem_cache *small = kmem_cache_create("smaller", 33, 0, 0, NULL);
	struct kmem_cache *large = kmem_cache_create("larger", 48, 0, 0, NULL);
	unsigned char *object = (unsigned char *)kmem_cache_alloc(large, GFP_KERNEL);
	check(ksize(object) >= 48 && ksize(object) == malloc_usable_size(object));
	memset(object, 'x', 48);
	object = (unsigned char *)krealloc(object, 128, GFP_KERNEL);
	check(filled_with(object, 'x', 48));
	kfree(object);
	object = (unsigned char *)kmem_cache_alloc(large, GFP_KERNEL);
	memset(object, 'x', 48);
	check(krealloc(object, 48, GFP_NOWAIT | __GFP_ZERO) == object && filled_with(object, 'x', 48));
	check(krealloc(object, 40, GFP_NOWAIT | __GFP_ZERO) == object);
	check(filled_with(object, 'x', 40) && filled_with(object + 40, 0, 8));
	memset(object, 'x', 48);
	kfree_sensitive(object);
	check(memchr(object, 'x', 48) == NULL); /* the slab is still mapped */
	check(kmem_cache_destroy(small) == 0 && kmem_cache_destroy(large) == 0);
}

static void with_older_flags(void)
{
	struct kmem_cache *cache = kmem_cache_create("flags", 24, 0, SLAB_MUST_HWCACHE_ALIGN | SLAB_DEBUG_FREE |
						     SLAB_DEBUG_INITIAL | SLAB_NOTRACK, NULL);
	void *object = kmem_cache_alloc(cache, GFP_KERNEL);
	check(aligned_to(object, 64));
	kfree(object);
	check(kmem_cache_destroy(cache) == 0);
}

int main(void)
{
	merged();
	with_older_flags();
	with_constructor();
	with_old_constructor();
	without_constructor();
	refused();
	return 0;
}
