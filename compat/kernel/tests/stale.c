/* Uses of a cache, mempool or per-CPU pointer after its end: the library prints one line, and the process stops. */
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
static long *freed; /* a per-CPU pointer */
static long *taken; /* a freed one too, and its slots belong to another allocation */

/* What the library's line says of each use, in the order of use(): the handle, and the function that found it. */
enum handle { CACHE, RESERVE, FREED, TAKEN };
static const struct expected {
	enum handle handle;
	const char *function;
} expected[] = {
	{CACHE, "lm_cache_alloc"},       {CACHE, "lm_cache_alloc_flags"}, {CACHE, "lm_cache_alloc_flags"},
	{CACHE, "lm_cache_alloc"},       {CACHE, "lm_cache_free"},        {CACHE, "lm_cache_free_bulk"},
	{CACHE, "lm_cache_alloc_bulk"},  {CACHE, "lm_cache_alloc_flags"}, {CACHE, "lm_cache_shrink"},
	{CACHE, "lm_cache_info"},        {CACHE, "lm_cache_info"},        {CACHE, "lm_cache_destroy"},
	{RESERVE, "lm_reserve_alloc"},   {RESERVE, "lm_reserve_alloc"},   {RESERVE, "lm_reserve_free"},
	{RESERVE, "lm_reserve_resize"},  {RESERVE, "lm_reserve_level"},   {FREED, "lm_percpu_ptr"},
	{TAKEN, "lm_percpu_this"},
};

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
	case 17: (void)get_cpu_ptr(freed); break;
	case 18: this_cpu_inc(*taken); break;
	}
}

/* The library's line for a use. */
static void write_line(char *line, size_t size, const struct expected *of)
{
	static const char *const words[] = {"cache already destroyed", "reserve already destroyed",
					    "per-CPU pointer already freed", "per-CPU pointer already freed"};
	const void *handles[] = {cache, pool.reserve, freed, taken};
	snprintf(line, size, "libmalloc: %s: %p (%s)\n", words[of->handle], handles[of->handle], of->function);
}

static void expect_report(size_t which)
{
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
	write_line(line, sizeof(line), &expected[which]);
	check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	check(strcmp(said, line) == 0);
}

static void construct(void *made, struct kmem_cache *of, unsigned long flags)
{
	check(of != NULL && flags == SLAB_CTOR_CONSTRUCTOR);
	*(int *)made = 1;
}

/* The allocation after a free gets the same slots; the low 48 bits of a per-CPU pointer say which slots they are. */
static void free_percpu_pointers(void)
{
	long *next;
	taken = alloc_percpu(long);
	check(taken != NULL);
	this_cpu_inc(*taken); /* from here on the header's own code runs, not the library's */
	free_percpu(taken);
	next = alloc_percpu(long);
	check(next != NULL && next != taken && (uintptr_t)next << 16 == (uintptr_t)taken << 16);
	freed = alloc_percpu(long);
	check(freed != NULL);
	free_percpu(freed);
}

int main(void)
{
	mempool_t zero = {};
	size_t i;
	int old;
	free_percpu_pointers();
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
		for (i = 0; i < ARRAY_LENGTH(expected); i++)
			expect_report(i);
		check(!mempool_initialized(&pool));
		mempool_exit(&pool);
	}
	mempool_exit(&zero);
	check(mempool_init_kmalloc_pool(&pool, 1, 64) == 0 && mempool_initialized(&pool));
	mempool_exit(&pool);
	return 0;
}
