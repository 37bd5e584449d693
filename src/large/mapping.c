/* mapping.c - see mapping.h. */
#include "large/mapping.h"

#include "base/bits.h"
#include "os/report.h"

static _Atomic bool move_refused; /* a hint, relaxed: once true, it stays */

bool mapping_move_is_refused(void) { return load_relaxed(&move_refused); }

static bool move_pages(uintptr_t from, uintptr_t to, size_t bytes)
{
	enum os_remapped moved = os_move((void *)from, bytes, (void *)to, bytes);
	if (moved == OS_REMAP_NEVER)
		store_relaxed(&move_refused, true);
	return moved == OS_REMAPPED;
}

/* The kernel makes one area of new mappings side by side. Where it did not, mremap fails: OS_REMAP_NOT_THIS. */
enum { AREA_NEW = 0 };

/* Moved pages never merge with their neighbours: they get a number of their own. `last` is relaxed. */
static size_t area_moved(void)
{
	static _Atomic size_t last;
	return add_relaxed(&last, 1) + 1;
}

/* False, and no mapping, if `base` is NULL. */
static bool make_one_piece(struct mapping *mapping, void *base, size_t bytes, size_t area)
{
	mapping->base = (uintptr_t)base;
	mapping->bytes = bytes;
	mapping->npieces = base != NULL;
	mapping->piece[0] = (struct piece){bytes, area};
	return base != NULL;
}

bool mapping_create(struct mapping *mapping, size_t bytes, size_t alignment)
{
	return make_one_piece(mapping, os_map_aligned(bytes, size_max(alignment, os_page_size())), bytes, AREA_NEW);
}

bool mapping_create_guarded(struct mapping *mapping, size_t bytes)
{
	return make_one_piece(mapping, os_map_guarded(bytes), bytes, AREA_NEW);
}

/* A guard that the kernel does not let go stays as an address that nobody uses. */
void mapping_drop_guard(const struct mapping *mapping) { os_unmap_guard((void *)mapping->base, mapping->bytes); }

/* munmap fails when it would split an area at vm.max_map_count: then at least the frames go. */
static void unmap_or_purge(uintptr_t base, size_t bytes)
{
	if (bytes > 0 && !os_unmap((void *)base, bytes))
		os_purge((void *)base, bytes);
}

void mapping_destroy(const struct mapping *mapping) { unmap_or_purge(mapping->base, mapping->bytes); }

void mapping_cut(struct mapping *mapping, size_t bytes, struct mapping *rest)
{
	size_t at = 0;
	size_t left = bytes;
	while (left >= mapping->piece[at].bytes)
		left -= mapping->piece[at++].bytes;
	rest->base = mapping->base + bytes;
	rest->bytes = mapping->bytes - bytes;
	rest->npieces = 0;
	for (size_t i = at; i < mapping->npieces; i++)
		rest->piece[rest->npieces++] = mapping->piece[i];
	rest->piece[0].bytes -= left;
	mapping->piece[at].bytes = left;
	mapping->npieces = at + (left > 0);
	mapping->bytes = bytes;
}

bool mapping_append(struct mapping *mapping, const struct mapping *behind)
{
	struct piece *last = &mapping->piece[mapping->npieces - 1];
	bool fused = last->area == behind->piece[0].area;
	if (mapping->npieces + behind->npieces - fused > MAPPING_PIECES)
		return false;
	if (fused)
		last->bytes += behind->piece[0].bytes;
	for (size_t i = fused; i < behind->npieces; i++)
		mapping->piece[mapping->npieces++] = behind->piece[i];
	mapping->bytes += behind->bytes;
	return true;
}

/* Moves the pieces of `part` to the mapping's addresses from `at` on, and notes them: how many bytes could be moved. */
static size_t join_part(struct mapping *mapping, size_t at, const struct mapping *part)
{
	size_t done = 0;
	for (size_t i = 0; i < part->npieces; i++) {
		size_t bytes = part->piece[i].bytes;
		if (!move_pages(part->base + done, mapping->base + at + done, bytes))
			break;
		mapping->piece[mapping->npieces++] = (struct piece){bytes, area_moved()};
		done += bytes;
	}
	return done;
}

/*
 * A piece could not be moved. The kernel may have unmapped its target first, and moved some of it: both address ranges
 * may be somebody else's now. So everything around them is given back.
 */
static void give_up_join(struct mapping *mapping, size_t at, const struct mapping *part, size_t done)
{
	size_t failed = 0;
	for (size_t i = 0, sum = 0; sum <= done; sum += part->piece[i++].bytes)
		failed = part->piece[i].bytes;
	size_t behind = at + done + failed;
	unmap_or_purge(mapping->base, at + done);
	unmap_or_purge(mapping->base + behind, mapping->bytes - behind);
	unmap_or_purge(part->base + done + failed, part->bytes - done - failed);
	mapping->base = 0;
}

bool mapping_join(struct mapping *mapping, const struct mapping *const *parts, size_t count, size_t bytes)
{
	size_t at = 0;
	mapping->base = (uintptr_t)os_map(bytes);
	mapping->bytes = bytes;
	mapping->npieces = 0;
	for (size_t i = 0; i < count; i++) {
		if (mapping->base == 0) {
			mapping_destroy(parts[i]);
			continue;
		}
		size_t done = join_part(mapping, at, parts[i]);
		if (done < parts[i]->bytes)
			give_up_join(mapping, at, parts[i], done);
		at += done;
	}
	if (mapping->base != 0 && at < bytes)
		mapping->piece[mapping->npieces++] = (struct piece){bytes - at, AREA_NEW};
	return mapping->base != 0;
}

/* The mapping becomes shorter before the rest is unmapped: another thread may get the rest at once. */
static enum os_remapped mapping_shrink(struct mapping *mapping, size_t bytes)
{
	struct mapping gone;
	mapping_cut(mapping, bytes, &gone);
	if (os_unmap((void *)gone.base, gone.bytes))
		return OS_REMAPPED;
	mapping_append(mapping, &gone);
	return OS_REMAP_NEVER;
}

enum os_remapped mapping_resize(struct mapping *mapping, size_t bytes)
{
	if (bytes == mapping->bytes)
		return OS_REMAPPED;
	if (bytes < mapping->bytes)
		return mapping_shrink(mapping, bytes);
	size_t more = bytes - mapping->bytes;
	struct piece *last = &mapping->piece[mapping->npieces - 1];
	void *begin = (void *)(mapping->base + mapping->bytes - last->bytes);
	enum os_remapped resized = os_resize(begin, last->bytes, last->bytes + more);
	if (resized == OS_REMAPPED) {
		last->bytes += more;
		mapping->bytes = bytes;
	}
	return resized;
}

bool mapping_move(struct mapping *mapping, size_t bytes)
{
	if (mapping->npieces > 1)
		return false;
	void *base = os_grow_anywhere((void *)mapping->base, mapping->bytes, bytes);
	return base != NULL && make_one_piece(mapping, base, bytes, area_moved());
}

#ifdef LM_DEBUG
void mapping_check(const struct mapping *mapping)
{
	size_t sum = 0;
	if (mapping->npieces > MAPPING_PIECES)
		report_internal("mapping: too many pieces");
	for (size_t i = 0; i < mapping->npieces; i++) {
		const struct piece *piece = &mapping->piece[i];
		sum += piece->bytes;
		if (piece->bytes == 0 || piece->bytes % os_page_size() != 0)
			report_internal("mapping: a piece is not whole pages");
		if (i > 0 && piece[-1].area == piece->area)
			report_internal("mapping: two pieces are one");
	}
	if (sum != mapping->bytes)
		report_internal("mapping: the pieces are not its bytes");
}
#endif
