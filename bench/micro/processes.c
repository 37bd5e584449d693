/*
 * processes.c - fork in a program with a heap: the system copies its page tables, and an allocator may take its locks
 * and repair itself in the child. The child allocates once, frees, and exits; one operation is the whole of it, until
 * the parent has waited for it. The heap is of blocks of 1 KiB, filled in the first call and kept.
 */
#include "bodies.h"

#include <sys/wait.h>

enum { BYTES = 1024, MIB = 1 << 20 };

static void fill(size_t heap_bytes)
{
	static void **blocks;
	if (blocks != NULL)
		return;
	blocks = table_new(heap_bytes / BYTES * sizeof *blocks);
	for (size_t i = 0; i < heap_bytes / BYTES; i++)
		blocks[i] = memset(load_alloc(BYTES), 0x5a, BYTES);
}

static void fork_once(void)
{
	int status;
	pid_t child = fork();
	load_check(child >= 0, "no process");
	if (child == 0) {
		free(touched_alloc(BYTES));
		_exit(0);
	}
	load_check(waitpid(child, &status, 0) == child && status == 0, "the child failed");
}

static void fork_exit(struct bench_state *state, size_t heap_bytes)
{
	fill(heap_bytes);
	while (bench_next(state, 1))
		fork_once();
}

void register_processes(void)
{
	bench_register("fork/1m", fork_exit, MIB);
	bench_register("fork/100m", fork_exit, 100 * MIB);
}
