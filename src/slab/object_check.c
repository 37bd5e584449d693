/*
 * object_check.c - LM_CACHE_POISON and LM_CACHE_RED_ZONE (see object_cache.h): the kernel's bytes and rules.
 *
 *      a free object     0x6b 0x6b ... 0x6b 0xa5
 *      the red zones     0xcc
 */
#include "base/report.h"
#include "slab/object_cache.h"

#include <string.h>

enum { POISON_FREE = 0x6b, POISON_END = 0xa5, RED = 0xcc };

static void poison(const struct object_kind *kind, void *object)
{
	memset(object, POISON_FREE, kind->object_bytes - 1);
	((char *)object)[kind->object_bytes - 1] = (char)POISON_END;
}

/* The first byte of a range that is not `value`, from the object's beginning; or `none`. */
static ptrdiff_t first_other(const unsigned char *object, ptrdiff_t from, ptrdiff_t to, unsigned char value,
			     ptrdiff_t none)
{
	for (ptrdiff_t at = from; at < to; at++)
		if (object[at] != value)
			return at;
	return none;
}

void object_check_made(const struct object_kind *kind, const struct size_class *class, void *slot)
{
	if (kind->flags & LM_CACHE_RED_ZONE)
		memset(slot, RED, class->bytes);
	if (kind->flags & LM_CACHE_POISON)
		poison(kind, (char *)slot + kind->front_bytes);
}

void object_check_taken(unsigned id, void *slot, const char *function)
{
	const struct object_kind *kind = caches[id].kind;
	const unsigned char *object = (unsigned char *)slot + kind->front_bytes;
	if (!(kind->flags & LM_CACHE_POISON))
		return;
	ptrdiff_t last = (ptrdiff_t)kind->object_bytes - 1;
	ptrdiff_t at = first_other(object, 0, last, POISON_FREE, last);
	if (unlikely(object[at] != (at == last ? POISON_END : POISON_FREE)))
		report_damage(REPORT_WRITTEN_FREE, at, kind->handles->name, object, function);
}

void object_check_freed(unsigned id, void *slot, const char *function)
{
	const struct object_kind *kind = caches[id].kind;
	unsigned char *object = (unsigned char *)slot + kind->front_bytes;
	if (kind->flags & LM_CACHE_RED_ZONE) {
		ptrdiff_t none = PTRDIFF_MAX;
		ptrdiff_t end = (ptrdiff_t)(size_classes[id].bytes - kind->front_bytes);
		ptrdiff_t at = first_other(object, -(ptrdiff_t)kind->front_bytes, 0, RED, none);
		if (at == none)
			at = first_other(object, (ptrdiff_t)kind->object_bytes, end, RED, none);
		if (unlikely(at != none))
			report_damage(REPORT_RED_ZONE, at, kind->handles->name, object, function);
	}
	if (kind->flags & LM_CACHE_POISON)
		poison(kind, object);
}
