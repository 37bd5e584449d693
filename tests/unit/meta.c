/*
 * meta.c - page/meta.h: pieces never overlap, are aligned, and come back when their size is asked for again.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/compiler.h"
#include "page/meta.h"

#include <sys/resource.h>

enum { PIECES = 300, THREADS = 4 };

struct piece {
	void *address;
	size_t bytes;
};

static struct piece pieces[THREADS][PIECES];

static void churn(unsigned index)
{
	struct random random = random_start(10 + index);
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		struct piece *piece = &pieces[index][random_below(&random, PIECES)];
		if (piece->address != NULL) {
			check(content_is(piece->address, piece->bytes, index));
			meta_free(piece->address, piece->bytes);
			piece->address = NULL;
			continue;
		}
		piece->bytes = 1 + random_below(&random, random_one_in(&random, 10) ? META_MAX_BYTES : 300);
		piece->address = meta_alloc(piece->bytes);
		check(piece->address != NULL && (uintptr_t)piece->address % CACHE_LINE_BYTES == 0);
		content_write(piece->address, piece->bytes, index);
	}
	for (size_t i = 0; i < PIECES; i++)
		check(pieces[index][i].address == NULL || content_is(pieces[index][i].address, pieces[index][i].bytes, index));
}

static void pieces_do_not_overlap(void **state)
{
	(void)state;
	churn(0);
}

static void threads_do_not_share_a_piece(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
}

static void a_size_comes_back(void **state)
{
	(void)state;
	for (size_t bytes = 1; bytes <= META_MAX_BYTES; bytes += bytes < 300 ? 1 : 500) {
		void *first = meta_alloc(bytes);
		void *second = meta_alloc(bytes);
		assert_non_null(first);
		assert_ptr_not_equal(first, second);
		meta_free(first, bytes);
		meta_free(second, bytes);
		assert_ptr_equal(meta_alloc(bytes), second);
		assert_ptr_equal(meta_alloc(bytes), first);
		meta_free(first, bytes);
		meta_free(second, bytes);
	}
	void *most = meta_alloc(META_MAX_BYTES);
	content_write(most, META_MAX_BYTES, 1);
	meta_free(most, META_MAX_BYTES);
}

/* A small program needs no mapping; a loop needs no second one. */
static void mappings_are_counted(void **state)
{
	(void)state;
	assert_int_equal(meta_mapped_bytes(), 0);
	for (int i = 0; i < 200; i++)
		assert_non_null(meta_alloc(128));
	assert_int_equal(meta_mapped_bytes(), 0);
	for (int i = 0; i < 100; i++)
		assert_non_null(meta_alloc(1024));
	size_t mapped = meta_mapped_bytes();
	assert_in_range(mapped, 64 * 1024, 256 * 1024);
	for (int i = 0; i < 10000; i++) {
		void *piece = meta_alloc(1024);
		meta_free(piece, 1024);
	}
	assert_true(meta_mapped_bytes() <= mapped + 64 * 1024);
	mapped = meta_mapped_bytes();
	meta_count_mapped(77);
	assert_int_equal(meta_mapped_bytes(), mapped + 77);
}

static void running_out_is_null(void **state)
{
	(void)state;
	struct rlimit both;
	getrlimit(RLIMIT_AS, &both);
	rlim_t before = both.rlim_cur;
	both.rlim_cur = 1;
	void *piece = meta_alloc(64);
	setrlimit(RLIMIT_AS, &both);
	size_t got = 0;
	while (meta_alloc(META_MAX_BYTES) != NULL)
		got++;
	both.rlim_cur = before;
	setrlimit(RLIMIT_AS, &both);
	assert_true(got < 4);
	assert_non_null(meta_alloc(META_MAX_BYTES));
	meta_free(piece, 64);
	assert_ptr_equal(meta_alloc(64), piece);
}

UNIT_MAIN(UNIT(pieces_do_not_overlap), UNIT(threads_do_not_share_a_piece), UNIT(a_size_comes_back),
	  UNIT(mappings_are_counted), UNIT(running_out_is_null))
