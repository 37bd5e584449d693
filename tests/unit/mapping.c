/*
 * mapping.c - runs of addresses of several pieces: cut, put together, joined, resized, moved; what the kernel refuses.
 */
#define _GNU_SOURCE
#include "unit.h"

#include "base/bits.h"
#include "large/mapping.h"
#include "os/map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

enum { PAGES_MAX = 512 };

static size_t page(void) { return os_page_size(); }
static char *page_at(const struct mapping *mapping, size_t at) { return (char *)mapping->base + at * page(); }
static size_t pages_of(const struct mapping *mapping) { return mapping->bytes / page(); }

static void create(struct mapping *mapping, size_t npages)
{
	check(mapping_create(mapping, npages * page(), 1));
	mapping_check(mapping);
}

/* Pages first, first + step, ... get a frame and a mark. */
static void mark(const struct mapping *mapping, size_t first, size_t step)
{
	for (size_t i = first; i < pages_of(mapping); i += step)
		*page_at(mapping, i) = (char)(i + 1);
}

/* Of 3, 5 and 4 pages: pieces that only moving makes. 16 pages in all, the last 4 fresh. */
enum { JOINED_PAGES = 16 };
static void create_joined(struct mapping *mapping)
{
	struct mapping part[3];
	create(&part[0], 3);
	create(&part[1], 5);
	create(&part[2], 4);
	const struct mapping *parts[] = {&part[0], &part[1], &part[2]};
	check(mapping_join(mapping, parts, 3, JOINED_PAGES * page()));
	mapping_check(mapping);
	check(mapping->npieces == 4 && mapping->bytes == JOINED_PAGES * page());
}

static bool is_same(const struct mapping *one, const struct mapping *other)
{
	if (one->base != other->base || one->bytes != other->bytes || one->npieces != other->npieces)
		return false;
	return memcmp(one->piece, other->piece, one->npieces * sizeof(one->piece[0])) == 0;
}

static void a_fresh_mapping_is_one_piece(void **state)
{
	(void)state;
	struct mapping mapping;
	for (size_t alignment = 1; alignment <= (size_t)8 << 20; alignment *= 2) {
		assert_true(mapping_create(&mapping, 3 * page(), alignment));
		mapping_check(&mapping);
		assert_int_equal(mapping.npieces, 1);
		assert_int_equal(mapping.base % size_max(alignment, page()), 0);
		assert_true(content_is_zero((void *)mapping.base, mapping.bytes));
		mapping_destroy(&mapping);
		assert_false(os_is_mapped((void *)mapping.base));
	}
	assert_false(mapping_create(&mapping, (size_t)1 << 62, 1));
	assert_int_equal(mapping.base, 0);
}

/* At each page, also where two pieces meet; what was cut fits together again. */
static void a_cut_leaves_a_front_and_a_rest(void **state)
{
	(void)state;
	struct mapping whole;
	create_joined(&whole);
	for (size_t at = 1; at < JOINED_PAGES; at++) {
		struct mapping front;
		struct mapping rest;
		front = whole;
		mapping_cut(&front, at * page(), &rest);
		mapping_check(&front);
		mapping_check(&rest);
		assert_int_equal(front.base, whole.base);
		assert_int_equal(front.bytes, at * page());
		assert_int_equal(rest.base, whole.base + at * page());
		assert_int_equal(rest.bytes, whole.bytes - at * page());
		bool between = at == 3 || at == 8 || at == 12;
		assert_int_equal(front.npieces + rest.npieces, whole.npieces + !between);
		assert_true(mapping_append(&front, &rest));
		assert_true(is_same(&front, &whole));
	}
}

/* No system call looks at these addresses. */
static void imagine(struct mapping *mapping, size_t npieces, size_t first_area)
{
	mapping->base = 16 * page();
	mapping->npieces = npieces;
	mapping->bytes = npieces * page();
	for (size_t i = 0; i < npieces; i++)
		mapping->piece[i] = (struct piece){page(), first_area + i};
}

static void append(size_t npieces, size_t first_area, bool is_enough)
{
	struct mapping mapping;
	struct mapping before;
	struct mapping behind;
	imagine(&mapping, 16, 100);
	imagine(&behind, npieces, first_area);
	before = mapping;
	assert_int_equal(mapping_append(&mapping, &behind), is_enough);
	mapping_check(&mapping);
	if (!is_enough)
		assert_true(is_same(&mapping, &before));
	else
		assert_int_equal(mapping.bytes, (16 + npieces) * page());
	bool fused = first_area == 115;
	assert_int_equal(mapping.npieces, is_enough ? 16 + npieces - fused : 16);
}

static void only_so_many_pieces_are_put_together(void **state)
{
	(void)state;
	append(1, 200, true);
	append(16, 200, true);
	append(17, 200, false);
	append(32, 200, false);
	/* The last piece and the first one behind it lie in one area. */
	append(1, 115, true);
	append(17, 115, true);
	append(18, 115, false);
}

/* The frames of the parts, and no others: what they lack has none yet. */
static void joined_parts_bring_their_frames(void **state)
{
	(void)state;
	struct mapping part[3];
	struct mapping whole;
	static const size_t npages[] = {6, 1, 9};
	for (size_t i = 0; i < 3; i++) {
		create(&part[i], npages[i]);
		mark(&part[i], 0, 3);
	}
	const struct mapping *parts[] = {&part[0], &part[1], &part[2]};
	assert_true(mapping_join(&whole, parts, 3, 20 * page()));
	mapping_check(&whole);
	assert_int_equal(whole.bytes, 20 * page());
	size_t resident = 0;
	for (size_t i = 0; i < 20; i++)
		resident += page_is_resident(page_at(&whole, i));
	assert_int_equal(resident, 2 + 1 + 3);
	assert_int_equal(*page_at(&whole, 3), 4);
	assert_int_equal(*page_at(&whole, 6), 1);
	assert_int_equal(*page_at(&whole, 7 + 6), 7);
	assert_true(content_is_zero(page_at(&whole, 16), 4 * page()));
	for (size_t i = 0; i < 3; i++)
		assert_false(os_is_mapped((void *)part[i].base));
	mapping_destroy(&whole);
}

static void what_was_joined_is_joined_again(void **state)
{
	(void)state;
	size_t before = address_space_pages();
	struct mapping joined[2];
	struct mapping rest;
	struct mapping whole;
	create_joined(&joined[0]);
	create_joined(&joined[1]);
	mark(&joined[0], 0, 1);
	mark(&joined[1], 0, 1);
	/* The parts have pieces of 3 and 2 pages; the rest of the second piece, 1 page, comes with 4 and 4. */
	mapping_cut(&joined[0], 5 * page(), &rest);
	const struct mapping *parts[] = {&rest, &joined[1], &joined[0]};
	assert_true(mapping_join(&whole, parts, 3, 32 * page()));
	mapping_check(&whole);
	assert_int_equal(whole.npieces, 3 + 4 + 2);
	for (size_t i = 0; i < 32; i++)
		assert_int_equal(*page_at(&whole, i), i < 11 ? i + 6 : i < 27 ? i - 10 : i - 26);
	mapping_destroy(&whole);
	assert_int_equal(address_space_pages(), before);
}

static void a_mapping_shrinks_over_its_pieces(void **state)
{
	(void)state;
	struct mapping mapping;
	create_joined(&mapping);
	mark(&mapping, 0, 1);
	for (size_t npages = JOINED_PAGES - 1; npages > 0; npages--) {
		assert_int_equal(mapping_resize(&mapping, npages * page()), OS_REMAPPED);
		mapping_check(&mapping);
		assert_int_equal(pages_of(&mapping), npages);
		assert_int_equal(mapping.npieces, npages > 12 ? 4 : npages > 8 ? 3 : npages > 3 ? 2 : 1);
		assert_true(os_is_mapped(page_at(&mapping, npages - 1)));
		assert_false(os_is_mapped(page_at(&mapping, npages)));
	}
	assert_int_equal(*page_at(&mapping, 0), 1);
}

/* Only the last piece can grow. */
static void a_mapping_grows_where_nothing_is_behind_it(void **state)
{
	(void)state;
	struct mapping mapping;
	struct mapping before;
	create_joined(&mapping);
	mark(&mapping, 0, 1);
	assert_int_equal(mapping_resize(&mapping, 10 * page()), OS_REMAPPED);
	assert_int_equal(mapping_resize(&mapping, 14 * page()), OS_REMAPPED);
	mapping_check(&mapping);
	assert_int_equal(mapping.npieces, 3);
	assert_int_equal(*page_at(&mapping, 9), 10);
	assert_true(content_is_zero(page_at(&mapping, 10), 4 * page()));
	void *behind = page_at(&mapping, 15);
	mmap(behind, page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_true(os_is_mapped(behind));
	before = mapping;
	assert_int_not_equal(mapping_resize(&mapping, 17 * page()), OS_REMAPPED);
	assert_true(is_same(&mapping, &before));
	assert_int_not_equal(mapping_resize(&mapping, (size_t)1 << 60), OS_REMAPPED);
	assert_true(is_same(&mapping, &before));
}

static void a_mapping_moves_with_its_frames(void **state)
{
	(void)state;
	struct mapping mapping;
	create(&mapping, 8);
	mark(&mapping, 0, 2);
	char *before = (char *)mapping.base;
	void *wall = mmap(before + 8 * page(), page(), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	assert_true(wall != MAP_FAILED || errno == EEXIST);
	assert_true(mapping_move(&mapping, 11 * page()));
	mapping_check(&mapping);
	assert_true(mapping.base != (uintptr_t)before && pages_of(&mapping) == 11 && mapping.npieces == 1);
	assert_false(os_is_mapped(before));
	for (size_t i = 0; i < 11; i++)
		assert_int_equal(page_is_resident(page_at(&mapping, i)), i < 8 && i % 2 == 0);
	assert_int_equal(*page_at(&mapping, 6), 7);
	assert_true(content_is_zero(page_at(&mapping, 8), 3 * page()));
	/* A mapping that was moved has no neighbour in its area. It can grow, and be moved again. */
	assert_true(mapping_move(&mapping, 12 * page()));
	assert_int_equal(*page_at(&mapping, 6), 7);
	assert_int_equal(mapping_resize(&mapping, 4 * page()), OS_REMAPPED);
}

static void several_pieces_do_not_move(void **state)
{
	(void)state;
	struct mapping mapping;
	struct mapping before;
	create_joined(&mapping);
	mark(&mapping, 0, 1);
	before = mapping;
	assert_false(mapping_move(&mapping, 20 * page()));
	assert_true(is_same(&mapping, &before));
	assert_int_equal(*page_at(&mapping, 15), 16);
	assert_false(mapping_move_is_refused());
}

/* The kernel has three areas where we know of one piece. */
static void several_areas_are_no_refusal(void **state)
{
	(void)state;
	struct mapping mapping;
	struct mapping before;
	create(&mapping, 6);
	mark(&mapping, 0, 1);
	before = mapping;
	mprotect(page_at(&mapping, 2), page(), PROT_READ);
	assert_false(mapping_move(&mapping, 8 * page()));
	assert_true(is_same(&mapping, &before));
	assert_int_equal(*page_at(&mapping, 5), 6);
	assert_false(mapping_move_is_refused());
	create(&mapping, 6);
	assert_true(mapping_move(&mapping, 8 * page()));
}

/*
 * One part has a piece that is not there as a whole: joining fails, and all is given back, but for that piece and the
 * place it was to have, where somebody else may be by now.
 */
static void a_failed_join_gives_everything_back(void **state)
{
	(void)state;
	struct mapping part[3];
	struct mapping whole;
	size_t before = address_space_pages();
	create(&part[0], 4);
	create_joined(&part[1]);
	create(&part[2], 7);
	/* The second piece, of 5 pages. */
	size_t first = part[1].piece[0].bytes / page();
	assert_int_equal(part[1].piece[1].bytes, 5 * page());
	munmap(page_at(&part[1], 3), page());
	const struct mapping *parts[] = {&part[0], &part[1], &part[2]};
	assert_false(mapping_join(&whole, parts, 3, 40 * page()));
	assert_int_equal(whole.base, 0);
	for (size_t i = 0; i < 3; i++)
		for (size_t at = 0; at < pages_of(&part[i]); at++)
			assert_int_equal(os_is_mapped(page_at(&part[i], at)),
					 i == 1 && at >= first && at < first + 5 && at != 3);
	assert_in_range(address_space_pages(), before + 4, before + 4 + 5);
	assert_false(mapping_move_is_refused());
}

static void no_addresses_for_a_join(void **state)
{
	(void)state;
	struct mapping part;
	struct mapping whole;
	create(&part, 4);
	const struct mapping *parts[] = {&part};
	assert_false(mapping_join(&whole, parts, 1, (size_t)1 << 60));
	assert_int_equal(whole.base, 0);
	assert_false(os_is_mapped((void *)part.base));
	assert_false(mapping_move_is_refused());
}

static void a_refused_join_is_remembered(void **state)
{
	(void)state;
	struct mapping part[2];
	struct mapping whole;
	size_t before = address_space_pages();
	create(&part[0], 4);
	create(&part[1], 4);
	refuse_system_call(SYS_mremap, EPERM);
	const struct mapping *parts[] = {&part[0], &part[1]};
	assert_false(mapping_move_is_refused());
	assert_false(mapping_join(&whole, parts, 2, 10 * page()));
	assert_true(mapping_move_is_refused());
	/* The first was tried: neither it nor its place is touched again. */
	assert_true(os_is_mapped((void *)part[0].base));
	assert_false(os_is_mapped((void *)part[1].base));
	assert_in_range(address_space_pages(), before + 4, before + 8);
}

static void a_refused_move_changes_nothing(void **state)
{
	(void)state;
	struct mapping mapping;
	struct mapping before;
	create(&mapping, 4);
	mark(&mapping, 0, 1);
	before = mapping;
	size_t pages_before = address_space_pages();
	struct rlimit both;
	getrlimit(RLIMIT_AS, &both);
	setrlimit(RLIMIT_AS, &(struct rlimit){1, both.rlim_max});
	assert_false(mapping_move(&mapping, 8 * page()));
	setrlimit(RLIMIT_AS, &both);
	assert_false(mapping_move_is_refused());
	assert_int_equal(address_space_pages(), pages_before);
	assert_true(is_same(&mapping, &before));
	assert_int_equal(*page_at(&mapping, 3), 4);
}

/* The kernel does not let the addresses go: the frames go. */
static void what_stays_mapped_has_no_frames(void **state)
{
	(void)state;
	struct mapping mapping;
	create(&mapping, 4);
	mark(&mapping, 0, 1);
	refuse_system_call(SYS_munmap, ENOMEM);
	assert_int_not_equal(mapping_resize(&mapping, 2 * page()), OS_REMAPPED);
	assert_int_equal(pages_of(&mapping), 4);
	mapping_destroy(&mapping);
	for (size_t i = 0; i < 4; i++)
		assert_true(os_is_mapped(page_at(&mapping, i)) && !page_is_resident(page_at(&mapping, i)));
}

static void check_it(void *mapping) { mapping_check(mapping); }

static void wrong_sums_are_told(void **state)
{
	(void)state;
	struct mapping mapping;
	imagine(&mapping, 3, 7);
	mapping_check(&mapping);
	mapping.bytes += page();
	unit_expect_abort(check_it, &mapping, "libmalloc: internal error: mapping: the pieces are not its bytes");
	imagine(&mapping, 3, 7);
	mapping.piece[2].area = mapping.piece[1].area;
	unit_expect_abort(check_it, &mapping, "libmalloc: internal error: mapping: two pieces are one");
	imagine(&mapping, 3, 7);
	mapping.piece[1].bytes = 100;
	unit_expect_abort(check_it, &mapping, "libmalloc: internal error: mapping: a piece is not whole pages");
}

/*
 * The model: mappings beside what each of their pages must hold. A page that was never written holds anything.
 */
struct model {
	struct mapping mapping; /* base 0: none */
	unsigned written[PAGES_MAX];
};

enum { MODELS = 12 };
static struct model models[MODELS];
static unsigned last_written;

static void model_check(const struct model *model)
{
	mapping_check(&model->mapping);
	for (size_t i = 0; i < pages_of(&model->mapping); i++) {
		unsigned there;
		memcpy(&there, page_at(&model->mapping, i), sizeof(there));
		check(model->written[i] == 0 || model->written[i] == there);
	}
}

/* Behind the last page nothing was written yet. */
static void model_end(struct model *model)
{
	size_t npages = pages_of(&model->mapping);
	memset(model->written + npages, 0, (PAGES_MAX - npages) * sizeof(model->written[0]));
}

static void model_write(struct random *random, struct model *model)
{
	size_t npages = pages_of(&model->mapping);
	for (size_t i = random_below(random, npages); i < npages; i += 1 + random_below(random, 4)) {
		model->written[i] = ++last_written;
		memcpy(page_at(&model->mapping, i), &last_written, sizeof(last_written));
	}
}

static void model_create(struct random *random, struct model *model)
{
	create(&model->mapping, 1 + random_below(random, 40));
	memset(model->written, 0, sizeof(model->written));
}

static void model_destroy(struct model *model)
{
	mapping_destroy(&model->mapping);
	model->mapping.base = 0;
}

static struct model *free_model(void)
{
	for (size_t i = 0; i < MODELS; i++)
		if (models[i].mapping.base == 0)
			return &models[i];
	return NULL;
}

static void model_cut(struct random *random, struct model *model)
{
	struct model *rest = free_model();
	if (rest == NULL || pages_of(&model->mapping) == 1)
		return;
	size_t at = 1 + random_below(random, pages_of(&model->mapping) - 1);
	mapping_cut(&model->mapping, at * page(), &rest->mapping);
	memcpy(rest->written, model->written + at, pages_of(&rest->mapping) * sizeof(rest->written[0]));
	model_end(rest);
	model_check(rest);
}

/* Whatever lies behind it, by chance or since it was cut. */
static void model_append(struct model *model)
{
	for (size_t i = 0; i < MODELS; i++) {
		struct mapping *behind = &models[i].mapping;
		size_t npages = pages_of(&model->mapping);
		if (behind->base != model->mapping.base + model->mapping.bytes || npages + pages_of(behind) > PAGES_MAX)
			continue;
		size_t npieces = model->mapping.npieces + behind->npieces;
		if (!mapping_append(&model->mapping, behind)) {
			check(npieces > MAPPING_PIECES);
			return;
		}
		memcpy(model->written + npages, models[i].written, pages_of(behind) * sizeof(models[i].written[0]));
		behind->base = 0;
		return;
	}
}

static void model_resize(struct random *random, struct model *model)
{
	size_t before = pages_of(&model->mapping);
	size_t npages = random_one_in(random, 2) ? before + 1 + random_below(random, 10) : 1 + random_below(random, before);
	if (npages > PAGES_MAX || npages == before || mapping_resize(&model->mapping, npages * page()) != OS_REMAPPED)
		return;
	for (size_t i = before; i < npages; i++)
		check(*page_at(&model->mapping, i) == 0);
}

static void model_move(struct random *random, struct model *model)
{
	size_t npages = pages_of(&model->mapping) + random_below(random, 3);
	if (npages > PAGES_MAX)
		return;
	mapping_move(&model->mapping, npages * page());
}

static size_t failed_joins;

/* Takes the model's place; the others are used up. */
static void model_join(struct random *random, struct model *model)
{
	static struct model joined;
	const struct mapping *parts[3];
	size_t count = 0;
	size_t npages = 0;
	size_t npieces = 1;
	if (model->mapping.npieces == MAPPING_PIECES)
		return;
	memset(&joined, 0, sizeof(joined));
	for (struct model *part = model; part < models + MODELS && count < 3; part++) {
		if (part->mapping.base == 0 || npieces + part->mapping.npieces > MAPPING_PIECES ||
		    npages + pages_of(&part->mapping) > PAGES_MAX)
			continue;
		memcpy(joined.written + npages, part->written, pages_of(&part->mapping) * sizeof(part->written[0]));
		npages += pages_of(&part->mapping);
		npieces += part->mapping.npieces;
		parts[count++] = &part->mapping;
	}
	size_t lack = random_below(random, PAGES_MAX + 1 - npages) / 4;
	failed_joins += !mapping_join(&joined.mapping, parts, count, (npages + lack) * page());
	for (size_t i = 0; i < count; i++)
		((struct model *)(uintptr_t)parts[i])->mapping.base = 0;
	if (joined.mapping.base != 0)
		model->mapping = joined.mapping;
	memcpy(model->written, joined.written, sizeof(model->written));
}

static void model_step(struct random *random, struct model *model)
{
	if (model->mapping.base == 0) {
		model_create(random, model);
		return;
	}
	model_check(model);
	switch (random_below(random, 8)) {
	case 0: model_destroy(model); return;
	case 1: model_cut(random, model); break;
	case 2: model_append(model); break;
	case 3: model_resize(random, model); break;
	case 4: model_move(random, model); break;
	case 5: model_join(random, model); break;
	default: model_write(random, model); break;
	}
	if (model->mapping.base == 0)
		return;
	model_end(model);
	model_check(model);
}

static void pages_keep_what_was_written(void **state)
{
	(void)state;
	struct random random = random_start(80);
	size_t before = address_space_pages();
	for (size_t i = 0; i < unit_rounds(20000); i++)
		model_step(&random, &models[random_below(&random, MODELS)]);
	for (size_t i = 0; i < MODELS; i++)
		if (models[i].mapping.base != 0)
			model_destroy(&models[i]);
	/* Older kernels have two areas now and then where we know of one piece. */
	assert_true(failed_joins <= unit_rounds(20000) / 100);
	assert_false(mapping_move_is_refused());
	assert_int_equal(address_space_pages(), before);
}

UNIT_MAIN(UNIT(a_fresh_mapping_is_one_piece), UNIT(a_cut_leaves_a_front_and_a_rest),
	  UNIT(only_so_many_pieces_are_put_together), UNIT(joined_parts_bring_their_frames),
	  UNIT(what_was_joined_is_joined_again), UNIT(a_mapping_shrinks_over_its_pieces),
	  UNIT(a_mapping_grows_where_nothing_is_behind_it), UNIT(a_mapping_moves_with_its_frames),
	  UNIT(several_pieces_do_not_move), UNIT(several_areas_are_no_refusal), UNIT(a_failed_join_gives_everything_back),
	  UNIT(no_addresses_for_a_join), UNIT(a_refused_join_is_remembered), UNIT(a_refused_move_changes_nothing),
	  UNIT(what_stays_mapped_has_no_frames), UNIT(wrong_sums_are_told), UNIT(pages_keep_what_was_written))
