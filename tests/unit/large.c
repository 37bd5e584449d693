/*
 * large.c - blocks with a mapping of their own: contents, colours, zeros, resizing in place and by moving, counts.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "base/compiler.h"
#include "base/settings.h"
#include "large/large.h"
#include "large/large_cache.h"
#include "os/map.h"
#include "page/pagemap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { BLOCKS = 24, THREADS = 4, KIB = 1024, MIB = 1024 * KIB };

struct block {
	char *address;
	size_t bytes;
	size_t alignment;
	uint64_t tag;
};

static struct block blocks[THREADS][BLOCKS];

/* The whole of a large block would take long: its ends, and something of the middle. */
enum { EDGE_BYTES = 2048 };

static void write_edges(char *block, size_t bytes, uint64_t tag)
{
	memcpy(block + bytes / 2, &tag, sizeof(tag));
	content_write(block, EDGE_BYTES, tag);
	memset(block + bytes - EDGE_BYTES / 2, (int)tag, EDGE_BYTES / 2);
}

static bool front_is(const char *block, uint64_t tag, const char *written_at)
{
	char expected[EDGE_BYTES];
	for (size_t i = 0; i < EDGE_BYTES; i += 8) {
		uint64_t word = ((uintptr_t)written_at + i + tag) * UINT64_C(0x9e3779b97f4a7c15) | 1;
		memcpy(expected + i, &word, 8);
	}
	return memcmp(block, expected, EDGE_BYTES) == 0;
}

/* Written when the block stood at `written_at` and had `bytes`; it has at least that many now. */
static bool edges_are(const char *block, size_t bytes, uint64_t tag, const char *written_at)
{
	for (size_t i = bytes - EDGE_BYTES / 2; i < bytes; i++)
		if (block[i] != (char)tag)
			return false;
	return memcmp(block + bytes / 2, &tag, sizeof(tag)) == 0 && front_is(block, tag, written_at);
}

static void check_block(const struct block *block)
{
	struct large *large = large_of((uintptr_t)block->address);
	check(large != NULL && large->address == (uintptr_t)block->address);
	check(large_usable(large) >= block->bytes);
	check((uintptr_t)block->address % (block->alignment == 0 ? CACHE_LINE_BYTES : block->alignment) == 0);
	check((uintptr_t)block->address - large->mapping.base < PAGE_BYTES);
	check(large->mapping.bytes <= 2 * block->bytes + 2 * PAGE_BYTES);
	block->address[large_usable(large) - 1] = (char)block->tag;
}

static void allocate(struct random *random, struct block *block)
{
	static const size_t alignments[] = {0, 0, 0, 4096, 65536, 1 << 21};
	block->bytes = 128 * KIB + random_below(random, random_one_in(random, 8) ? 8 * MIB : 256 * KIB);
	block->alignment = alignments[random_below(random, 6)];
	enum large_content content = random_one_in(random, 3) ? LARGE_ZEROED : LARGE_ANY;
	block->address = large_alloc(block->bytes, block->alignment, content);
	check(block->address != NULL);
	block->tag = random_next(random);
	if (content == LARGE_ZEROED)
		check(content_is_zero(block->address, block->bytes));
	check_block(block);
	write_edges(block->address, block->bytes, block->tag);
}

/* A block of several pieces need not move. */
static void stays(struct block *block, char *address)
{
	block->address = address;
	check(large_of((uintptr_t)address)->mapping.npieces > 1);
	check(edges_are(address, block->bytes, block->tag, address));
}

static void resize(struct random *random, struct block *block)
{
	char *before = block->address;
	size_t old = block->bytes;
	size_t bytes = random_one_in(random, 2) ? old + random_below(random, old) : old / 2 + random_below(random, old / 2);
	bytes = size_max(bytes, 128 * KIB);
	block->address = large_resize(large_of((uintptr_t)before), bytes);
	if (block->address == NULL) {
		stays(block, before);
		return;
	}
	block->alignment = 0;
	block->bytes = bytes;
	if (bytes >= old)
		check(edges_are(block->address, old, block->tag, before));
	else
		check(front_is(block->address, block->tag, before));
	write_edges(block->address, block->bytes, block->tag);
}

static void churn(unsigned index)
{
	struct random random = random_start(50 + index);
	for (size_t i = 0; i < unit_rounds(1500); i++) {
		struct block *block = &blocks[index][random_below(&random, BLOCKS)];
		if (block->address == NULL) {
			allocate(&random, block);
		} else if (random_one_in(&random, 3)) {
			check_block(block);
			write_edges(block->address, block->bytes, block->tag);
			resize(&random, block);
		} else {
			check(edges_are(block->address, block->bytes, block->tag, block->address));
			check(large_free((uintptr_t)block->address));
			block->address = NULL;
		}
	}
	for (size_t i = 0; i < BLOCKS; i++)
		if (blocks[index][i].address != NULL)
			check(large_free((uintptr_t)blocks[index][i].address));
}

static void nothing_is_left(void)
{
	struct large_cache_counts counts = large_cache_counts();
	check(counts.blocks == 0 && counts.bytes == 0);
	check(counts.blocks_most >= 1 && counts.bytes_most > 0);
	large_cache_drain();
	check(large_cache_held_bytes() == 0);
}

static void blocks_keep_their_contents(void **state)
{
	(void)state;
	churn(0);
	nothing_is_left();
}

static void threads_keep_their_blocks_apart(void **state)
{
	(void)state;
	unit_threads(THREADS, churn);
	nothing_is_left();
}

static void counts_follow(void **state)
{
	(void)state;
	void *first = large_alloc(200 * KIB, 0, LARGE_ANY);
	void *second = large_alloc(1 * MIB, 4096, LARGE_ANY);
	struct large_cache_counts counts = large_cache_counts();
	assert_int_equal(counts.blocks, 2);
	assert_int_equal(counts.bytes, large_of((uintptr_t)first)->mapping.bytes + large_of((uintptr_t)second)->mapping.bytes);
	assert_true(large_free((uintptr_t)first));
	size_t most = counts.bytes;
	counts = large_cache_counts();
	assert_int_equal(counts.blocks, 1);
	assert_int_equal(counts.bytes, 1 * MIB);
	assert_int_equal(counts.blocks_most, 2);
	assert_int_equal(counts.bytes_most, most);
	second = large_resize(large_of((uintptr_t)second), 3 * MIB);
	counts = large_cache_counts();
	assert_int_equal(counts.bytes, 3 * MIB);
	assert_int_equal(counts.bytes_most, 3 * MIB);
	second = large_resize(large_of((uintptr_t)second), 1 * MIB);
	assert_int_equal(large_cache_counts().bytes, 1 * MIB);
	assert_true(large_free((uintptr_t)second));
	assert_int_equal(large_cache_counts().bytes, 0);
}

/* Many blocks of one length do not begin at one place in their pages. */
static void blocks_are_coloured(void **state)
{
	(void)state;
	bool seen[PAGE_BYTES / CACHE_LINE_BYTES] = {false};
	size_t colours = 0;
	for (int i = 0; i < 64; i++) {
		uintptr_t address = (uintptr_t)large_alloc(129 * KIB, 0, LARGE_ANY);
		struct large *large = large_of(address);
		size_t colour = address - large->mapping.base;
		assert_int_equal(colour % CACHE_LINE_BYTES, 0);
		assert_true(colour < PAGE_BYTES && large_usable(large) >= 129 * KIB);
		colours += !seen[colour / CACHE_LINE_BYTES];
		seen[colour / CACHE_LINE_BYTES] = true;
	}
	assert_true(colours >= 32);
	/* A block of whole pages costs one page more, not two. */
	for (int i = 0; i < 10; i++) {
		uintptr_t address = (uintptr_t)large_alloc(128 * KIB, 0, LARGE_ANY);
		assert_int_equal(large_of(address)->mapping.bytes, 132 * KIB);
	}
}

static void only_starts_of_live_blocks_are_known(void **state)
{
	(void)state;
	uintptr_t address = (uintptr_t)large_alloc(1 * MIB, 0, LARGE_ANY);
	struct large *large = large_of(address);
	uintptr_t base = large->mapping.base;
	assert_non_null(large);
	for (uintptr_t other = base; other < base + 2 * PAGE_BYTES; other += 16)
		assert_true(large_of(other) == (other == address ? large : NULL));
	assert_ptr_equal(large_around(address + 1), large);
	assert_ptr_equal(large_around(base), large);
	assert_ptr_equal(large_around(base + large->mapping.bytes - 1), large);
	assert_null(large_around(base + large->mapping.bytes));
	assert_null(large_around(base - 1));
	assert_false(large_free(address + 16));
	assert_false(large_free(base + PAGE_BYTES));
	assert_true(large_free(address));
	assert_false(large_free(address));
	assert_null(large_of(address));
	assert_null(large_around(address));
	assert_false(large_free((uintptr_t)&state));
	assert_false(large_free(UINTPTR_MAX));
	assert_false(large_free(0));
}

/* Below and above a MiB, a mapping that was used before is cleared in two ways. */
static void zeroed_blocks_are_zero_on_reuse(void **state)
{
	(void)state;
	static const size_t sizes[] = {200 * KIB, 1 * MIB, 3 * MIB};
	for (size_t i = 0; i < 3; i++) {
		uintptr_t base = 0;
		bool reused = false;
		for (int round = 0; round < 6; round++) {
			char *block = large_alloc(sizes[i], 0, LARGE_ZEROED);
			struct large *large = large_of((uintptr_t)block);
			reused |= large->mapping.base == base && round > 1;
			base = large->mapping.base;
			assert_true(content_is_zero(block, large_usable(large)));
			memset((void *)large->mapping.base, 1, large->mapping.bytes);
			assert_true(large_free((uintptr_t)block));
		}
		assert_true(reused && large_cache_held_bytes() > 0);
		large_cache_drain();
	}
}

static size_t colour_of(const char *block) { return (uintptr_t)block - large_of((uintptr_t)block)->mapping.base; }

/* The cache lines of a block that was used may still be there: it begins where it began. */
static void a_kept_block_keeps_its_colour(void **state)
{
	(void)state;
	char *block = large_alloc(200 * KIB, 0, LARGE_ANY);
	while (colour_of(block) < 4 * CACHE_LINE_BYTES)
		block = large_alloc(200 * KIB, 0, LARGE_ANY);
	for (int i = 0; i < 20; i++) {
		char *before = block;
		assert_true(large_free((uintptr_t)block));
		block = large_alloc(200 * KIB, 0, LARGE_ANY);
		assert_true(i == 0 || block == before);
	}
	/* Unless it would be too short then. */
	assert_true(colour_of(block) >= 4 * CACHE_LINE_BYTES);
	assert_true(large_free((uintptr_t)block));
	size_t bytes = 204 * KIB - CACHE_LINE_BYTES;
	block = large_alloc(bytes, 0, LARGE_ANY);
	assert_int_equal(colour_of(block), 0);
	assert_true(large_usable(large_of((uintptr_t)block)) >= bytes);
	assert_true(large_free((uintptr_t)block));
	/* A wanted alignment has none. */
	block = large_alloc(200 * KIB, 4096, LARGE_ANY);
	assert_int_equal(colour_of(block), 0);
}

enum { PART_BYTES = 4 * MIB };

/* A block put together of three that were kept, of so many bytes each; between them lie others. */
static char *joined_block(size_t bytes, enum large_content content)
{
	void *block[6];
	check(large_free((uintptr_t)large_alloc(8 * PART_BYTES, 0, LARGE_ANY)));
	check(large_alloc(8 * PART_BYTES, 0, LARGE_ANY) != NULL);
	for (size_t i = 0; i < 6; i++)
		check((block[i] = large_alloc(PART_BYTES - PAGE_BYTES, 0, LARGE_ANY)) != NULL);
	for (size_t i = 0; i < 6; i += 2)
		check(large_free((uintptr_t)block[i]));
	check(large_cache_held_bytes() == 3 * PART_BYTES);
	return large_alloc(bytes, 0, content);
}

/* Puts something right behind the block. */
static void wall_in(const struct large *large)
{
	mmap((char *)large->mapping.base + large->mapping.bytes, PAGE_BYTES, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_true(os_is_mapped((char *)large->mapping.base + large->mapping.bytes));
}

static void a_block_of_several_pieces_does_not_move(void **state)
{
	(void)state;
	char *block = joined_block(4 * PART_BYTES, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	assert_int_equal(large->mapping.npieces, 4);
	assert_true(large_usable(large) >= 4 * PART_BYTES);
	write_edges(block, 4 * PART_BYTES, 13);
	wall_in(large);
	assert_null(large_resize(large, 5 * PART_BYTES));
	assert_ptr_equal(large_of((uintptr_t)block), large);
	assert_true(edges_are(block, 4 * PART_BYTES, 13, block));
	/* It shrinks all the same, and what is left of one piece moves. */
	assert_ptr_equal(large_resize(large, 1 * PART_BYTES - 2 * PAGE_BYTES), block);
	assert_int_equal(large->mapping.npieces, 1);
	wall_in(large);
	char *moved = large_resize(large, 5 * PART_BYTES);
	assert_ptr_not_equal(moved, block);
	assert_true(front_is(moved, 13, block));
	assert_true(large_free((uintptr_t)moved));
}

/* Zeros over the pieces of a block that was joined before, and is kept as a whole. */
static void a_kept_block_of_several_pieces_is_zeroed(void **state)
{
	(void)state;
	char *block = joined_block(3 * PART_BYTES - PAGE_BYTES, LARGE_ANY);
	assert_true(large_of((uintptr_t)block)->mapping.npieces >= 3);
	memset(block, 1, 3 * PART_BYTES - PAGE_BYTES);
	assert_true(large_free((uintptr_t)block));
	char *zeroed = large_alloc(3 * PART_BYTES - PAGE_BYTES, 0, LARGE_ZEROED);
	assert_true(zeroed == block && large_of((uintptr_t)block)->mapping.npieces >= 3);
	assert_true(content_is_zero(zeroed, 3 * PART_BYTES - PAGE_BYTES));
}

/* Fresh, kept, grown and moved: there is always something to read before the block. */
static void a_front_lies_before_the_block(void **state)
{
	(void)state;
	settings.is_behind = 1;
	for (size_t alignment = 16; alignment <= 8 * MIB; alignment *= 2) {
		for (int round = 0; round < 3; round++) {
			char *block = large_alloc(300 * KIB, alignment, LARGE_ANY);
			assert_non_null(block);
			assert_int_equal((uintptr_t)block % size_max(alignment, CACHE_LINE_BYTES), 0);
			struct large *large = large_of((uintptr_t)block);
			assert_true(large_usable(large) >= 300 * KIB);
			assert_true(large->mapping.base + CACHE_LINE_BYTES <= (uintptr_t)block);
			assert_ptr_equal(large_around((uintptr_t)block + 299 * KIB), large);
			write_edges(block, 300 * KIB, 21);
			char *grown = large_resize(large, 2 * MIB);
			assert_true(front_is(grown, 21, block));
			assert_true(large->mapping.base + CACHE_LINE_BYTES <= (uintptr_t)grown);
			assert_ptr_equal(large_resize(large, 200 * KIB), grown);
			assert_true(large_free((uintptr_t)grown));
		}
	}
}

/* What is to be zero is not joined: its pages would have to be cleared. */
static void zeroed_blocks_are_not_joined(void **state)
{
	(void)state;
	char *block = joined_block(4 * PART_BYTES, LARGE_ZEROED);
	assert_int_equal(large_of((uintptr_t)block)->mapping.npieces, 1);
	assert_int_equal(large_cache_held_bytes(), 3 * PART_BYTES);
	assert_true(content_is_zero(block, 4 * PART_BYTES));
}

static void a_block_of_nothing_has_a_place(void **state)
{
	(void)state;
	for (size_t alignment = 1 << 12; alignment <= (size_t)16 << 20; alignment *= 16) {
		char *block = large_alloc(0, alignment, LARGE_ANY);
		assert_non_null(block);
		assert_true(large_usable(large_of((uintptr_t)block)) > 0 && os_is_mapped(block));
		assert_true(large_free((uintptr_t)block));
	}
	nothing_is_left();
}

static void so_many_blocks_and_no_more(void **state)
{
	(void)state;
	settings.mmap_max = 3;
	void *block[3];
	for (size_t i = 0; i < 3; i++) {
		assert_true(large_is_allowed());
		block[i] = large_alloc(200 * KIB, 0, LARGE_ANY);
		assert_non_null(block[i]);
	}
	assert_false(large_is_allowed());
	assert_true(large_free((uintptr_t)block[1]));
	assert_true(large_is_allowed());
	assert_non_null(large_alloc(200 * KIB, 0, LARGE_ANY));
	assert_false(large_is_allowed());
}

static void impossible_sizes_are_refused(void **state)
{
	(void)state;
	static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 63, SIZE_MAX - 64, SIZE_MAX - 4095, SIZE_MAX - 4096, SIZE_MAX / 2,
				       (size_t)1 << 48};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_null(large_alloc(sizes[i], 0, LARGE_ANY));
		assert_null(large_alloc(sizes[i], 65536, LARGE_ANY));
	}
	assert_null(large_alloc(4096, (size_t)1 << 62, LARGE_ANY));
	assert_int_equal(large_cache_counts().blocks, 0);
}

/* With nothing in the way a block grows where it is; from the second growth on some more is taken ahead. */
static void growth_is_in_place_where_it_can_be(void **state)
{
	(void)state;
	char *block = large_alloc(64 * MIB, 4096, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	assert_ptr_equal(large_resize(large, 1 * MIB), block);
	write_edges(block, 1 * MIB, 5);
	assert_ptr_equal(large_resize(large, 4 * MIB), block);
	assert_int_equal(large->mapping.bytes, 4 * MIB);
	assert_ptr_equal(large_resize(large, 8 * MIB), block);
	assert_in_range(large->mapping.bytes, 8 * MIB + PAGE_BYTES, 16 * MIB);
	assert_true(edges_are(block, 1 * MIB, 5, block));
	assert_true(content_is_zero(block + 1 * MIB, 7 * MIB));
	assert_true(large_free((uintptr_t)block));
	nothing_is_left();
}

/* A page right behind the block is in the way: it moves, keeps its content, and the old place is forgotten. */
static void growth_moves_where_it_must(void **state)
{
	(void)state;
	char *block = large_alloc(1 * MIB, 0, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	wall_in(large);
	size_t colour = (uintptr_t)block - large->mapping.base;
	write_edges(block, 1 * MIB, 7);
	char *moved = large_resize(large, 2 * MIB);
	assert_non_null(moved);
	assert_ptr_not_equal(moved, block);
	assert_true(edges_are(moved, 1 * MIB, 7, block));
	assert_int_equal((uintptr_t)moved % PAGE_BYTES, colour);
	assert_ptr_equal(large_of((uintptr_t)moved), large);
	assert_null(large_of((uintptr_t)block));
	assert_null(large_around((uintptr_t)block));
	assert_false(os_is_mapped(block));
	assert_true(large_usable(large) >= 2 * MIB);
	assert_true(large_free((uintptr_t)moved));
	nothing_is_left();
}

/* A vector that grows bit by bit is not remapped at each step. */
static void growing_blocks_reserve_ahead(void **state)
{
	(void)state;
	char *block = large_alloc(1 * MIB, 0, LARGE_ANY);
	size_t changes = 0;
	for (size_t bytes = 1 * MIB; bytes < 64 * MIB; bytes += 64 * KIB) {
		size_t before = large_of((uintptr_t)block)->mapping.bytes;
		block = large_resize(large_of((uintptr_t)block), bytes);
		assert_non_null(block);
		assert_true(bytes == 1 * MIB || block[bytes - 64 * KIB - 1] == 1);
		block[bytes - 1] = 1;
		changes += large_of((uintptr_t)block)->mapping.bytes != before;
		assert_true(large_usable(large_of((uintptr_t)block)) <= 2 * bytes);
	}
	/* Of a thousand steps. */
	assert_in_range(changes, 1, 100);
	assert_int_equal(block[1 * MIB - 1], 1);
}

static void a_shrunken_block_gives_its_tail_back(void **state)
{
	(void)state;
	char *block = large_alloc(8 * MIB, 0, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	write_edges(block, 8 * MIB, 9);
	/* Less than a quarter: nothing happens. */
	assert_ptr_equal(large_resize(large, 7 * MIB), block);
	assert_true(large_usable(large) >= 8 * MIB);
	assert_ptr_equal(large_resize(large, 1 * MIB), block);
	assert_in_range(large_usable(large), 1 * MIB, 1 * MIB + PAGE_BYTES);
	assert_false(os_is_mapped((char *)large->mapping.base + large->mapping.bytes));
	assert_true(front_is(block, 9, block));
	assert_int_equal(large_cache_counts().bytes, large->mapping.bytes);
}

static void a_refused_growth_changes_nothing(void **state)
{
	(void)state;
	char *block = large_alloc(1 * MIB, 0, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	size_t mapped = large->mapping.bytes;
	write_edges(block, 1 * MIB, 3);
	struct rlimit both;
	getrlimit(RLIMIT_AS, &both);
	struct rlimit none = {1, both.rlim_max};
	setrlimit(RLIMIT_AS, &none);
	void *refused = large_resize(large, 4 * MIB);
	void *refused_too = large_alloc(1 * MIB, 0, LARGE_ANY);
	setrlimit(RLIMIT_AS, &both);
	assert_null(refused);
	assert_null(refused_too);
	assert_null(large_resize(large, (size_t)1 << 47));
	assert_ptr_equal(large_of((uintptr_t)block), large);
	assert_int_equal(large->mapping.bytes, mapped);
	assert_int_equal(large_cache_counts().blocks, 1);
	assert_int_equal(large_cache_counts().bytes, mapped);
	assert_true(edges_are(block, 1 * MIB, 3, block));
	assert_non_null(large_resize(large, 4 * MIB));
}

/* Only the growth counts towards the limit, though the block moves. A refusal costs no addresses. */
static void growth_needs_no_second_place(void **state)
{
	(void)state;
	char *block = large_alloc(40 * MIB, 0, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	write_edges(block, 40 * MIB, 5);
	large_resize(large, 41 * MIB);
	mmap((char *)large->mapping.base + large->mapping.bytes, PAGE_BYTES, PROT_NONE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	size_t before = address_space_pages();
	struct rlimit both;
	getrlimit(RLIMIT_AS, &both);
	struct rlimit little = {before * PAGE_BYTES + 12 * MIB, both.rlim_max};
	setrlimit(RLIMIT_AS, &little);
	void *refused = large_resize(large, 80 * MIB);
	size_t after_refusal = address_space_pages();
	void *grown = large_resize(large, 50 * MIB);
	setrlimit(RLIMIT_AS, &both);
	assert_null(refused);
	assert_in_range(after_refusal, before, before + 256);
	assert_non_null(grown);
	assert_ptr_equal(large_of((uintptr_t)grown), large);
	assert_true(edges_are(grown, 40 * MIB, 5, block));
	assert_true(large_free((uintptr_t)grown));
}

static void where_moving_is_refused_nothing_moves(void **state)
{
	(void)state;
	char *block = large_alloc(1 * MIB, 0, LARGE_ANY);
	struct large *large = large_of((uintptr_t)block);
	write_edges(block, 1 * MIB, 17);
	refuse_system_call(SYS_mremap, EPERM);
	assert_null(large_resize(large, 4 * MIB));
	size_t pages = address_space_pages();
	assert_null(large_resize(large, 4 * MIB));
	assert_int_equal(address_space_pages(), pages);
	assert_ptr_equal(large_of((uintptr_t)block), large);
	assert_true(edges_are(block, 1 * MIB, 17, block));
	assert_int_equal(large_cache_counts().bytes, large->mapping.bytes);
	assert_true(large_free((uintptr_t)block));
}

enum { RACES = 300 };
static uintptr_t raced[RACES];
static _Atomic unsigned won[RACES];

static void free_all(unsigned index)
{
	(void)index;
	for (size_t i = 0; i < RACES; i++)
		won[i] += large_free(raced[i]);
}

/* Of two frees of one block one succeeds. The descriptor must not be read after that: so few are tried. */
static void one_of_two_frees_succeeds(void **state)
{
	(void)state;
	for (size_t i = 0; i < RACES; i++)
		raced[i] = (uintptr_t)large_alloc(128 * KIB, 0, LARGE_ANY);
	unit_threads(2, free_all);
	for (size_t i = 0; i < RACES; i++)
		assert_int_equal(won[i], 1);
	nothing_is_left();
}

static void check_fields(const void *block, enum large_guard guard, size_t alignment)
{
	const struct large *large = large_of((uintptr_t)block);
	assert_int_equal(large->growths, 0);
	assert_int_equal(large->guard, guard);
	/* Read as a byte: an uninitialised bool may have any value. */
	assert_int_equal(*(const unsigned char *)&large->is_huge, 0);
	assert_int_equal(large->address, (uintptr_t)block);
	assert_true(alignment == 0 || large->address % alignment == 0);
	mapping_check(&large->mapping);
}

/* Memory for a descriptor is full of garbage here: each way of making one sets all fields. */
static void descriptors_are_whole(void **state)
{
	(void)state;
	enum { TIMES = 8 };
	for (int round = 0; round < 3; round++) {
		void *block[TIMES];
		for (int i = 0; i < TIMES; i++) {
			block[i] = i % 2 ? large_alloc(MIB, 0, LARGE_ANY) : large_alloc_guarded(MIB);
			check_fields(block[i], i % 2 ? LARGE_OPEN : LARGE_GUARDED, 0);
		}
		for (int i = 0; i < TIMES; i++)
			assert_true(large_free((uintptr_t)block[i]));
		/* Cut off from kept ones, in front and behind. */
		for (int i = 0; i < TIMES; i++) {
			block[i] = large_alloc(128 * KIB, i % 2 ? 256 * KIB : 0, LARGE_ANY);
			check_fields(block[i], LARGE_OPEN, i % 2 ? 256 * KIB : 0);
		}
		for (int i = 0; i < TIMES; i++)
			assert_true(large_free((uintptr_t)block[i]));
	}
	nothing_is_left();
}

UNIT_MAIN(UNIT(descriptors_are_whole), UNIT(blocks_keep_their_contents), UNIT(threads_keep_their_blocks_apart),
	  UNIT(counts_follow),
	  UNIT(blocks_are_coloured), UNIT(only_starts_of_live_blocks_are_known), UNIT(zeroed_blocks_are_zero_on_reuse),
	  UNIT(a_kept_block_keeps_its_colour), UNIT(a_block_of_several_pieces_does_not_move),
	  UNIT(a_kept_block_of_several_pieces_is_zeroed), UNIT(zeroed_blocks_are_not_joined),
	  UNIT(a_front_lies_before_the_block),
	  UNIT(a_block_of_nothing_has_a_place), UNIT(so_many_blocks_and_no_more),
	  UNIT(impossible_sizes_are_refused), UNIT(growth_is_in_place_where_it_can_be),
	  UNIT(growth_moves_where_it_must), UNIT(growing_blocks_reserve_ahead), UNIT(a_shrunken_block_gives_its_tail_back),
	  UNIT(a_refused_growth_changes_nothing),
	  UNIT(growth_needs_no_second_place), UNIT(where_moving_is_refused_nothing_moves), UNIT(one_of_two_frees_succeeds))
