/* mempool_...: first the allocator, then the reserve, then waiting. Elements from caches, kmalloc, pages, functions. */
#include <libmalloc/kernel.h>

#include <pthread.h>

#include "check.h"

enum { MINIMUM = 4 };

static int live, allowed = 1000, asked_to_sleep;

static void *give(gfp_t gfp, void *pool_data)
{
	check(pool_data == &live);
	asked_to_sleep = gfpflags_allow_blocking(gfp);
	if (allowed == 0)
		return NULL;
	allowed--;
	live++;
	return kmalloc(32, gfp);
}

static void take(void *element, void *pool_data)
{
	check(pool_data == &live);
	live--;
	kfree(element);
}

static mempool_t *pool;
static void *last;

static void *give_back(void *unused)
{
	mempool_free(last, pool);
	return unused;
}

/* When the allocator has no more, the reserve gives MINIMUM elements. Then the result is NULL, or the caller waits. */
static void reserve(void)
{
	void *elements[MINIMUM];
	pthread_t thread;
	int i;
	allowed = MINIMUM;
	pool = mempool_create(MINIMUM, give, take, &live);
	check(pool != NULL && live == MINIMUM && pool->min_nr == MINIMUM && mempool_initialized(pool));
	check(mempool_is_saturated(pool));
	for (i = 0; i < MINIMUM; i++) {
		elements[i] = mempool_alloc(pool, i % 2 == 0 ? GFP_KERNEL : GFP_NOWAIT);
		check(elements[i] != NULL);
	}
	check(!mempool_is_saturated(pool));
	check(mempool_alloc(pool, GFP_NOWAIT) == NULL && mempool_alloc(pool, GFP_ATOMIC) == NULL);
	check(!asked_to_sleep);
	last = elements[0];
	check(pthread_create(&thread, NULL, give_back, NULL) == 0);
	elements[0] = mempool_alloc(pool, GFP_KERNEL); /* waits for the other thread */
	check(elements[0] == last);
	pthread_join(thread, NULL);
	for (i = 0; i < MINIMUM; i++)
		mempool_free(elements[i], pool);
	check(mempool_is_saturated(pool));
	mempool_free(NULL, pool);
	allowed = 1000;
	check(mempool_resize(pool, 2 * MINIMUM) == 0 && pool->min_nr == 2 * MINIMUM);
	check(mempool_resize(pool, 0) == -EINVAL);
	check(mempool_resize(pool, 1) == 0 && live == 1);
	mempool_destroy(pool);
	check(live == 0);
	mempool_destroy(NULL);
}

static void short_of_memory(void)
{
	mempool_t inside;
	allowed = MINIMUM - 1;
	check(mempool_create(MINIMUM, give, take, &live) == NULL && live == 0);
	allowed = MINIMUM - 1;
	check(mempool_init(&inside, MINIMUM, give, take, &live) == -ENOMEM && !mempool_initialized(&inside));
	mempool_exit(&inside);
	allowed = 1000;
}

static void use(mempool_t *made, size_t size)
{
	void *element = mempool_alloc(made, GFP_KERNEL);
	check(made != NULL && element != NULL);
	memset(element, 1, size);
	mempool_free(element, made);
}

static void kinds(void)
{
	struct kmem_cache *cache = kmem_cache_create("elements", 48, 0, 0, NULL);
	mempool_t inside = {};
	mempool_t *made = mempool_create_slab_pool(3, cache);
	use(made, 48);
	mempool_destroy(made);
	kmem_cache_destroy(cache);
	made = mempool_create_kmalloc_pool(3, 1000);
	use(made, 1000);
	mempool_destroy(made);
	made = mempool_create_kzalloc_pool(0, 1000);
	use(made, 1000);
	mempool_destroy(made);
	made = mempool_create_kvmalloc_pool(2, 20 << 20);
	use(made, 20 << 20);
	mempool_destroy(made);
	check(mempool_init_kvmalloc_pool(&inside, 2, 100) == 0);
	use(&inside, 100);
	mempool_exit(&inside);
	check(mempool_init_node(&inside, 1, mempool_kvmalloc, mempool_kvfree, (void *)8, GFP_KERNEL, 0) == 0);
	use(&inside, 8);
	mempool_exit(&inside);
	made = mempool_create_page_pool(3, 1);
	use(made, 2 * PAGE_SIZE);
	mempool_destroy(made);
	made = mempool_create_node(1, mempool_kmalloc, mempool_kfree, (void *)8, GFP_KERNEL, NUMA_NO_NODE);
	use(made, 8);
	mempool_destroy(made);
	mempool_exit(&inside);
	check(!mempool_initialized(&inside) && mempool_init_kmalloc_pool(&inside, 2, 64) == 0);
	use(&inside, 64);
	mempool_exit(&inside);
	mempool_exit(&inside);
}

int main(void)
{
	reserve();
	short_of_memory();
	kinds();
	return 0;
}
