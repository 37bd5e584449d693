/* A cache or mempool that is used after its end: the library's one line, and the process stops. */
#include <libmalloc/kernel.h>

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static struct kmem_cache *cache;
static mempool_t pool;
static void *object, *element;

/* The library's function that finds it, in the order of use(): of a cache up to CACHE_USES, then of a reserve. */
static const char *const functions[] = {
	"lm_cache_alloc", "lm_cache_alloc_flags", "lm_cache_alloc_flags", "lm_cache_alloc", "lm_cache_free",
	"lm_cache_free_bulk", "lm_cache_alloc_bulk", "lm_cache_alloc_flags", "lm_cache_shrink", "lm_cache_info",
	"lm_cache_info", "lm_cache_destroy", "lm_reserve_alloc", "lm_reserve_alloc", "lm_reserve_free",
	"lm_reserve_resize", "lm_reserve_level",
};
enum { CACHE_USES = 12 };

static void use(size_t which)
{
	switch (which) {
	case 0: kmem_cache_alloc(cache, GFP_KERNEL); break;
	case 1: kmem_cache_alloc(cache, GFP_ATOMIC); break;
	case 2: kmem_cache_zalloc(cache, GFP_KERNEL); break;
	case 3: kmem_cache_alloc_node(cache, GFP_KERNEL, 0); break;
	case 4: kmem_cache_free(cache, object); break;
	case 5: kmem_cache_free_bulk(cache, 1, &object); break;
	case 6: kmem_cache_alloc_bulk(cache, GFP_KERNEL, 1, &object); break;
	case 7: kmem_cache_alloc_bulk(cache, GFP_NOWAIT, 1, &object); break;
	case 8: kmem_cache_shrink(cache); break;
	case 9: kmem_cache_size(cache); break;
	case 10: kmem_cache_name(cache); break;
	case 11: kmem_cache_destroy(cache); break;
	case 12: mempool_alloc(&pool, GFP_KERNEL); break;
	case 13: mempool_alloc(&pool, GFP_NOWAIT); break;
	case 14: mempool_free(element, &pool); break;
	case 15: mempool_resize(&pool, 3); break;
	case 16: mempool_is_saturated(&pool); break;
	}
}

static void expect_report(size_t which)
{
	int is_cache = which < CACHE_USES;
	const void *handle = is_cache ? (void *)cache : (void *)pool.reserve;
	char line[200], said[400] = "";
	int ends[2], status;
	pid_t child;
	check(pipe(ends) == 0);
	child = fork();
	check(child >= 0);
	if (child == 0) {
		struct rlimit none = {0, 0};
		setrlimit(RLIMIT_CORE, &none);
		dup2(ends[1], STDERR_FILENO);
		use(which);
		_exit(0);
	}
	close(ends[1]);
	check(waitpid(child, &status, 0) == child);
	check(read(ends[0], said, sizeof(said) - 1) >= 0);
	close(ends[0]);
	snprintf(line, sizeof(line), "libmalloc: %s already destroyed: %p (%s)\n", is_cache ? "cache" : "reserve", handle,
		 functions[which]);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	check(strcmp(said, line) == 0);
}

static void construct(void *made, struct kmem_cache *of, unsigned long flags)
{
	check(of != NULL && flags == SLAB_CTOR_CONSTRUCTOR);
	*(int *)made = 1;
}

int main(void)
{
	mempool_t zero = {};
	size_t i;
	int old;
	for (old = 0; old < 2; old++) {
		cache = old ? kmem_cache_create("stale", 64, 0, 0, construct, NULL)
			    : kmem_cache_create("stale", 64, 0, 0, NULL);
		check(cache != NULL && mempool_init_kmalloc_pool(&pool, 2, 64) == 0);
		object = kmem_cache_alloc(cache, GFP_KERNEL);
		element = mempool_alloc(&pool, GFP_KERNEL);
		kmem_cache_free(cache, object);
		mempool_free(element, &pool);
		kmem_cache_destroy(cache);
		mempool_exit(&pool);
		for (i = 0; i < ARRAY_LENGTH(functions); i++)
			expect_report(i);
		check(!mempool_initialized(&pool));
		mempool_exit(&pool);
	}
	mempool_exit(&zero);
	check(mempool_init_kmalloc_pool(&pool, 1, 64) == 0 && mempool_initialized(&pool));
	mempool_exit(&pool);
	return 0;
}
