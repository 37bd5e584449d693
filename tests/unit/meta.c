/*
 * meta.c - page/meta.h: pieces never overlap, are aligned, and come back when their size is asked for again.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/compiler.h"
#include "os/map.h"
#include "page/meta.h"

#include <stdio.h>
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
	size_t pieces = 0;
	assert_int_equal(meta_mapped_bytes(), 0);
	for (; meta_mapped_bytes() == 0; pieces++)
		assert_non_null(meta_alloc(128));
	assert_true(pieces > 100);
	size_t mapped = meta_mapped_bytes();
	for (int i = 0; i < 100000; i++) {
		void *piece = meta_alloc(1024);
		meta_free(piece, 1024);
	}
	assert_int_equal(meta_mapped_bytes(), mapped);
	/* Each mapping serves many pieces. */
	size_t mappings = 0;
	for (int i = 0; i < 10000; i++) {
		assert_non_null(meta_alloc(128));
		mappings += meta_mapped_bytes() != mapped;
		mapped = meta_mapped_bytes();
	}
	assert_in_range(mappings, 1, 100);
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
	assert_true(got < 1000);
	assert_non_null(meta_alloc(META_MAX_BYTES));
	meta_free(piece, 64);
	assert_ptr_equal(meta_alloc(64), piece);
}

struct handle {
	struct meta_handle handle;
	char content[100];
};

static struct meta_queue queue;

static struct handle *handle_create(void)
{
	struct handle *handle = meta_handle_alloc(&queue, sizeof(struct handle));
	check(handle != NULL);
	atomic_store_explicit(&handle->handle.is_ended, false, memory_order_relaxed);
	return handle;
}

static void handle_destroy(struct handle *handle)
{
	meta_handle_end(&handle->handle, "ended", "handle_destroy");
	meta_handle_put(&queue, &handle->handle);
}

static void look(void *handle) { meta_handle_check(handle, "ended", "look"); }

static void end(void *handle) { meta_handle_end(handle, "ended", "end"); }

/* The memory of an ended handle is used again after META_HANDLES_RESTING others have ended. Until then it is known. */
static void a_handle_rests_after_its_end(void **state)
{
	(void)state;
	char line[100];
	struct handle *first = handle_create();
	look(first);
	handle_destroy(first);
	for (size_t i = 0; i < META_HANDLES_RESTING; i++) {
		struct handle *other = handle_create();
		assert_ptr_not_equal(other, first);
		handle_destroy(other);
	}
	snprintf(line, sizeof(line), "libmalloc: ended: %p (look)", (void *)first);
	unit_expect_abort(look, first, line);
	snprintf(line, sizeof(line), "libmalloc: ended: %p (end)", (void *)first);
	unit_expect_abort(end, first, line);
	assert_ptr_equal(handle_create(), first);
	look(first);
}

/* Handles are used again in the order in which they ended, and no more memory is mapped for them. */
static void the_oldest_handle_is_used_first(void **state)
{
	(void)state;
	enum { ALIVE = META_HANDLES_RESTING + 100 };
	static struct handle *handles[ALIVE];
	for (size_t i = 0; i < ALIVE; i++)
		handles[i] = handle_create();
	for (size_t i = 0; i < ALIVE; i++) {
		content_write(handles[i * 7 % ALIVE]->content, sizeof(handles[0]->content), i);
		handle_destroy(handles[i * 7 % ALIVE]);
	}
	void *piece = meta_alloc(sizeof(struct handle));
	size_t mapped = meta_mapped_bytes();
	for (size_t i = 0; i < ALIVE - META_HANDLES_RESTING; i++) {
		struct handle *again = handle_create();
		assert_ptr_equal(again, handles[i * 7 % ALIVE]);
		assert_true(content_is(again->content, sizeof(again->content), i));
	}
	assert_ptr_not_equal(handle_create(), handles[100 * 7]);
	assert_int_equal(meta_mapped_bytes(), mapped);
	meta_free(piece, sizeof(struct handle));
}

/* More than META_MAX_BYTES: a mapping, which goes back. */
static void long_pieces_are_mappings(void **state)
{
	(void)state;
	size_t before = meta_mapped_bytes();
	char *piece = meta_alloc_any(META_MAX_BYTES + 1);
	assert_non_null(piece);
	assert_true(meta_mapped_bytes() > before + META_MAX_BYTES);
	content_write(piece, META_MAX_BYTES + 1, 1);
	meta_free_any(piece, META_MAX_BYTES + 1);
	assert_int_equal(meta_mapped_bytes(), before);
	assert_false(os_is_mapped(piece));
	assert_null(meta_alloc_any(SIZE_MAX));
}

static void churn_handles(unsigned index)
{
	struct random random = random_start(60 + index);
	static struct handle *all[THREADS][PIECES];
	for (size_t i = 0; i < unit_rounds(20000); i++) {
		struct handle **handle = &all[index][random_below(&random, PIECES)];
		if (*handle != NULL) {
			look(*handle);
			check(content_is((*handle)->content, sizeof((*handle)->content), index));
			handle_destroy(*handle);
			*handle = NULL;
		} else {
			*handle = handle_create();
			content_write((*handle)->content, sizeof((*handle)->content), index);
		}
	}
}

static void threads_do_not_share_a_handle(void **state)
{
	(void)state;
	unit_threads(THREADS, churn_handles);
}

UNIT_MAIN(UNIT(pieces_do_not_overlap), UNIT(threads_do_not_share_a_piece), UNIT(a_size_comes_back),
	  UNIT(mappings_are_counted), UNIT(running_out_is_null), UNIT(long_pieces_are_mappings),
	  UNIT(a_handle_rests_after_its_end), UNIT(the_oldest_handle_is_used_first), UNIT(threads_do_not_share_a_handle))
