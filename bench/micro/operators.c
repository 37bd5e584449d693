/*
 * operators.c - C++'s operators new and delete, called from C by their names in the object file: delete alone; delete
 * with the size (C++14), which an allocator may use to find the block's class; new and sized delete with an
 * alignment (C++17). 64 blocks at a time; one operation is one new and its delete.
 */
#include "bodies.h"

enum { HELD = 64, ROUNDS = 20, ALIGNMENT = 64 };

void *_Znwm(size_t bytes);
void *_ZnwmSt11align_val_t(size_t bytes, size_t alignment);
void _ZdlPv(void *block);
void _ZdlPvm(void *block, size_t bytes);
void _ZdlPvmSt11align_val_t(void *block, size_t bytes, size_t alignment);

static void *touched_new(void *block)
{
	bench_use(block);
	*(volatile char *)block = 1;
	return block;
}

static void plain(struct bench_state *state, size_t bytes)
{
	void *blocks[HELD];
	while (bench_next(state, HELD * ROUNDS))
		for (int round = 0; round < ROUNDS; round++) {
			for (int i = 0; i < HELD; i++)
				blocks[i] = touched_new(_Znwm(bytes));
			for (int i = 0; i < HELD; i++)
				_ZdlPv(blocks[i]);
		}
}

static void sized(struct bench_state *state, size_t bytes)
{
	void *blocks[HELD];
	while (bench_next(state, HELD * ROUNDS))
		for (int round = 0; round < ROUNDS; round++) {
			for (int i = 0; i < HELD; i++)
				blocks[i] = touched_new(_Znwm(bytes));
			for (int i = 0; i < HELD; i++)
				_ZdlPvm(blocks[i], bytes);
		}
}

static void aligned(struct bench_state *state, size_t bytes)
{
	void *blocks[HELD];
	while (bench_next(state, HELD * ROUNDS))
		for (int round = 0; round < ROUNDS; round++) {
			for (int i = 0; i < HELD; i++)
				blocks[i] = touched_new(_ZnwmSt11align_val_t(bytes, ALIGNMENT));
			for (int i = 0; i < HELD; i++)
				_ZdlPvmSt11align_val_t(blocks[i], bytes, ALIGNMENT);
		}
}

void register_operators(void)
{
	bench_register("delete/48", plain, 48);
	bench_register("sized_delete/48", sized, 48);
	bench_register("sized_delete/1k", sized, 1024);
	bench_register("aligned_delete/192", aligned, 192);
}
