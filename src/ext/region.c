/*
 * region.c - region (libmalloc/pool.h): blocks of any size, one after the other, freed all at once or down to a mark.
 *
 *      part (oldest)                part (newest)
 *      | pad | a | b | c | unused | <- | pad | d | e |  free ....  |
 *        ^ blocks of the heap                        ^ at          ^ end
 *      before = 0                     before = used by a, b, c
 *
 * The descriptors of parts lie elsewhere (page/meta.h). Because of the pad of 16 bytes, no user block is the start of
 * the heap's block: free(3) of a user block is reported as an interior pointer, and does not free the part.
 *
 * A mark has the stamp of the newest part, or if the region was empty that of the region, and how much the region held
 * in all:    lm_region_mark { block = the stamp, as a pointer; used = bytes }
 *
 * No two parts and regions of the process have the same stamp. So a mark of another region is always reported. A stale
 * mark is reported too, except if its part is still there and holds as much again.
 */
#include "base/bits.h"
#include "heap/flags.h"
#include "heap/heap.h"
#include "os/report.h"
#include "page/meta.h"

#include <libmalloc/pool.h>
#include <errno.h>
#include <string.h>

/* In bytes. STEP_BYTES: of a part, if lm_region_create gets 0; ALIGN_MAX: of lm_region_aligned. */
enum { STEP_BYTES = 16384, GRAIN = CLASS_GRAIN_BYTES, ALIGN_MAX = PAGE_BYTES, PAD_BYTES = GRAIN };

/* Owner: its region. Invariant (region_check): stopped <= block + bytes, if a newer part exists. */
struct part {
	struct part *older;
	size_t stamp;
	char *block;
	size_t bytes;  /* of the block */
	size_t before; /* handed out by all older parts */
	char *stopped; /* where `at` was when a newer part began */
};

/*
 * Owner: one thread at a time; there is no lock. Invariant (region_check): at and end - at are multiples of 16; a
 * part's before = the older part's before + what was used of that; the oldest part's is 0. In a region that has ended,
 * at = end = NULL and there is no part: so lm_region_alloc goes to its slow end, which checks the handle (page/meta.h).
 */
struct lm_region {
	struct meta_handle handle;
	char *at; /* both NULL while there is no part */
	char *end;
	struct part *newest;
	size_t step;
	size_t stamp;
};

static struct meta_queue ended_regions; /* meta_lock guards it */

/* Relaxed: each caller gets another number. */
static size_t new_stamp(void)
{
	static _Atomic size_t last;
	return add_relaxed(&last, 1) + 1;
}

static char *part_first(const struct part *part) { return part->block + PAD_BYTES; }

static void region_check(const struct lm_region *region)
{
	if ((uintptr_t)region->at % GRAIN != 0 || (uintptr_t)region->end % GRAIN != 0 || region->at > region->end)
		report_internal("region: what is left is not whole");
	for (const struct part *part = region->newest; part != NULL; part = part->older) {
		const struct part *older = part->older;
		size_t used = older == NULL ? 0 : older->before + (size_t)(older->stopped - part_first(older));
		if (part->before != used)
			report_internal("region: the parts do not add up");
		if (older != NULL && (size_t)(older->stopped - older->block) > older->bytes)
			report_internal("region: a part holds more than there is");
	}
}

static void region_look(const struct lm_region *region, const char *function)
{
	meta_handle_check(&region->handle, REPORT_REGION_DESTROYED, function);
	if (DEBUG_CHECKS)
		region_check(region);
}

/* Makes `part` (or NULL) the newest one; the next block begins at `at` in it. */
static cold void set_newest(struct lm_region *region, struct part *part, char *at)
{
	region->newest = part;
	region->at = at;
	region->end = part == NULL ? NULL : part->block + round_down(part->bytes, GRAIN);
}

static cold void part_free(struct part *part)
{
	heap_free(part->block, "lm_region_release");
	meta_free(part, sizeof(*part));
}

/* Frees the newest part; the next block begins where the older part stopped. */
static cold void part_drop(struct lm_region *region)
{
	struct part *part = region->newest;
	set_newest(region, part->older, part->older == NULL ? NULL : part->older->stopped);
	part_free(part);
}

LM_EXPORT cold struct lm_region *lm_region_create(size_t step)
{
	struct lm_region *region = meta_handle_alloc(&ended_regions, sizeof(*region));
	if (region == NULL)
		return no_memory();
	*region = (struct lm_region){.step = step == 0 ? STEP_BYTES : step, .stamp = new_stamp()};
	return region;
}

static cold size_t used_of(const struct lm_region *region)
{
	const struct part *part = region->newest;
	return part == NULL ? 0 : part->before + (size_t)(region->at - part_first(part));
}

LM_EXPORT cold size_t lm_region_used(const struct lm_region *region)
{
	region_look(region, "lm_region_used");
	return used_of(region);
}

/* Adds a part of one step, or of `need` bytes if that is more or there is no memory for a step. False: no change. */
static cold bool part_add(struct lm_region *region, size_t need)
{
	size_t bytes = size_max(region->step, need);
	struct part *part = meta_alloc(sizeof(*part));
	if (part == NULL)
		return false;
	int saved = errno;
	char *block = heap_alloc(bytes);
	if (block == NULL && need < bytes) {
		block = heap_alloc(bytes = need);
		errno = block == NULL ? ENOMEM : saved;
	}
	if (block == NULL) {
		meta_free(part, sizeof(*part));
		return false;
	}
	*part = (struct part){
		.older = region->newest,
		.stamp = new_stamp(),
		.block = block,
		.bytes = bytes,
		.before = used_of(region),
	};
	if (part->older != NULL)
		part->older->stopped = region->at;
	set_newest(region, part, part_first(part));
	return true;
}

/* `align` is 16 or more. */
static cold void *region_alloc_slow(struct lm_region *region, size_t align, size_t size)
{
	region_look(region, "lm_region_alloc");
	if (size > SIZE_MAX / 2)
		return no_memory();
	size = round_up(size_max(size, 1), GRAIN);
	size_t gap = -(uintptr_t)region->at & (align - 1);
	if ((size_t)(region->end - region->at) < size + gap && !part_add(region, PAD_BYTES + size + (align - GRAIN)))
		return no_memory();
	char *block = (char *)round_up((uintptr_t)region->at, align);
	region->at = block + size;
	return block;
}

/*
 * A size of 0 wraps around and takes the slow way. The rest of the part is a multiple of 16: so the rounded size fits.
 */
LM_EXPORT void *lm_region_alloc(struct lm_region *region, size_t size)
{
	char *block = region->at;
	if (unlikely(size - 1 >= (size_t)(region->end - block)))
		return region_alloc_slow(region, GRAIN, size);
	region->at = block + round_up(size, GRAIN);
	return block;
}

LM_EXPORT cold void *lm_region_aligned(struct lm_region *region, size_t align, size_t size)
{
	region_look(region, "lm_region_aligned");
	if (!is_power_of_two(align) || align > ALIGN_MAX)
		return refuse("lm_region_aligned", REFUSED_ALIGN_1);
	return region_alloc_slow(region, size_max(align, GRAIN), size);
}

LM_EXPORT cold char *lm_region_strdup(struct lm_region *region, const char *string)
{
	region_look(region, "lm_region_strdup");
	size_t bytes = strlen(string) + 1;
	char *copy = lm_region_alloc(region, bytes);
	return copy == NULL ? NULL : memcpy(copy, string, bytes);
}

LM_EXPORT cold struct lm_region_mark lm_region_mark(const struct lm_region *region)
{
	region_look(region, "lm_region_mark");
	size_t used = used_of(region);
	size_t stamp = used == 0 ? region->stamp : region->newest->stamp;
	return (struct lm_region_mark){(void *)stamp, used};
}

/* True if the region may have held `used` bytes while `part` was the newest one. */
static bool mark_is_in(const struct lm_region *region, const struct part *part, size_t used)
{
	const char *at = part == region->newest ? region->at : part->stopped;
	size_t offset = used - part->before;
	return used >= part->before && offset <= (size_t)(at - part_first(part)) && offset % GRAIN == 0;
}

static cold bool mark_is_right(const struct lm_region *region, struct lm_region_mark mark)
{
	const struct part *part = region->newest;
	if (mark.used == 0)
		return (size_t)mark.block == region->stamp;
	while (part != NULL && part->stamp != (size_t)mark.block)
		part = part->older;
	return part != NULL && mark_is_in(region, part, mark.used);
}

/* Frees all blocks. One part of a step stays, under a new stamp: marks of its blocks are void. */
static cold void region_empty(struct lm_region *region)
{
	struct part *kept = NULL;
	for (struct part *part = region->newest, *older; part != NULL; part = older) {
		older = part->older;
		if (kept == NULL && part->bytes <= region->step)
			kept = part;
		else
			part_free(part);
	}
	if (kept != NULL) {
		kept->older = NULL;
		kept->before = 0;
		kept->stamp = new_stamp();
	}
	set_newest(region, kept, kept == NULL ? NULL : part_first(kept));
}

LM_EXPORT cold void lm_region_reset(struct lm_region *region)
{
	region_look(region, "lm_region_reset");
	region_empty(region);
}

LM_EXPORT cold void lm_region_release(struct lm_region *region, struct lm_region_mark mark)
{
	region_look(region, "lm_region_release");
	if (unlikely(!mark_is_right(region, mark)))
		report_bad_pointer(REPORT_NOT_OF_REGION, mark.block, "lm_region_release");
	if (mark.used == 0) {
		region_empty(region);
		return;
	}
	while (region->newest->stamp != (size_t)mark.block)
		part_drop(region);
	region->at = part_first(region->newest) + (mark.used - region->newest->before);
}

LM_EXPORT cold void lm_region_destroy(struct lm_region *region)
{
	if (region == NULL)
		return;
	meta_handle_end(&region->handle, REPORT_REGION_DESTROYED, "lm_region_destroy");
	while (region->newest != NULL)
		part_drop(region);
	meta_handle_put(&ended_regions, &region->handle);
}
