/* object_check.c - see object_check.h. */
#include "object/object_check.h"

#include "os/report.h"
#include "slab/cache.h"

#include <string.h>

enum { POISON_FREE = 0x6b, POISON_END = 0xa5, RED = 0xcc };

static void poison(const struct object_kind *kind, unsigned char *object)
{
	memset(object, POISON_FREE, kind->object_bytes - 1);
	object[kind->object_bytes - 1] = POISON_END;
}

/* Reports the first byte of object[from, to) that is not `value`. Checked caches do not merge: there is one handle. */
static void check_bytes(const struct object_kind *kind, const unsigned char *object, ptrdiff_t from, ptrdiff_t to,
			unsigned char value, const char *function)
{
	const char *damage = value == RED ? REPORT_RED_ZONE : REPORT_WRITTEN_FREE;
	for (ptrdiff_t at = from; at < to; at++)
		if (unlikely(object[at] != value))
			report_damage(damage, at, kind->handles->name, object, function);
}

void object_check_made(const struct object_kind *kind, const struct size_class *class, void *slot)
{
	if (kind->flags & LM_CACHE_RED_ZONE)
		memset(slot, RED, class->bytes);
	if (kind->flags & LM_CACHE_POISON)
		poison(kind, (unsigned char *)slot + kind->front_bytes);
}

void object_check_taken(unsigned id, void *slot, const char *function)
{
	const struct object_kind *kind = caches[id].kind;
	const unsigned char *object = (unsigned char *)slot + kind->front_bytes;
	ptrdiff_t last = (ptrdiff_t)kind->object_bytes - 1;
	if (kind->flags & LM_CACHE_POISON) {
		check_bytes(kind, object, 0, last, POISON_FREE, function);
		check_bytes(kind, object, last, last + 1, POISON_END, function);
	}
}

void object_check_freed(unsigned id, void *slot, const char *function)
{
	const struct object_kind *kind = caches[id].kind;
	unsigned char *object = (unsigned char *)slot + kind->front_bytes;
	ptrdiff_t front = (ptrdiff_t)kind->front_bytes;
	if (kind->flags & LM_CACHE_RED_ZONE) {
		check_bytes(kind, object, -front, 0, RED, function);
		check_bytes(kind, object, (ptrdiff_t)kind->object_bytes, (ptrdiff_t)size_classes[id].bytes - front, RED,
			    function);
	}
	if (kind->flags & LM_CACHE_POISON)
		poison(kind, object);
}
