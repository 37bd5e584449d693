/*
 * size_class.h - which kinds of objects there are, and how a slab of each is laid out: the general caches behind
 * malloc, ids 1 to CLASS_COUNT - 1, and the object caches that the program makes, ids from there on.
 *
 * Sizes: 16 to 128 bytes in steps of 16; then eight classes to each doubling, up to 128 KiB. So at most one ninth of an
 * object above 128 bytes is unused, and every object is aligned to 16 bytes, which the x86-64 and AArch64 ABIs ask of
 * malloc (and glibc's tst-mallocalign1 tests).
 *
 * Class 0 is "not a small object": its magazines are always empty and always full, so malloc and free leave the fast
 * path with a test that they make anyway.
 */
#ifndef LM_SLAB_SIZE_CLASS_H
#define LM_SLAB_SIZE_CLASS_H

#include "base/bits.h"
#include "base/compiler.h"

enum {
	CLASS_COUNT = 89,          /* with class 0 */
	ID_COUNT = 512,            /* with the object caches */
	CLASS_GRAIN_BYTES = 16,    /* every size is a multiple of it */
	SMALL_MAX_BYTES = 1 << 17, /* the largest class */
	TABLE_MAX_BYTES = 1024,    /* requests up to here find their class by table */
	SLAB_MAX_OBJECTS = 512,    /* so that a bitmap is one cache line */
};

struct size_class {
	uint32_t bytes;
	uint32_t magic;       /* turns a division by `bytes` into a multiplication: see size_class_begins */
	uint32_t begin_limit; /* an object begins where the product of offset and magic is below this */
	uint16_t objects;
	uint8_t pages;
	uint8_t order;          /* slabs are aligned to 2^order pages */
	uint8_t magazine_slots; /* room in a magazine */
	uint8_t first_limit;    /* objects that a fresh magazine holds before it has grown */
	uint8_t page_rule;      /* enum page_rule */
	uint32_t bucket_magic;  /* free objects * this >> 16: the slab's list in its cache (enum bucket) */
};

/* What the pages of a slab are told apart for. */
enum page_rule {
	PAGES_EACH, /* each is empty or not, for itself */
	PAGES_ONE,  /* a slab of one object: all of them or none */
	PAGES_KEPT, /* free objects keep their content: no page is ever called empty, and so none is purged */
};

/*
 * malloc's never change. An object cache's is written under object_caches_lock before the cache is handed out, and not
 * read after its end. Invariant: objects <= SLAB_MAX_OBJECTS, pages <= 2^order <= 32, objects * bytes <= pages * 4096,
 * begin_limit = objects * e <= magic (below); for slabs of one object magic = begin_limit = 1.
 */
extern struct size_class size_classes[ID_COUNT] LM_HIDDEN;

/* One more than the highest id that was ever in use: the end of loops over all caches. A hint, relaxed. */
extern _Atomic unsigned size_class_ids_end LM_HIDDEN;
static inline unsigned size_class_end(void) { return load_relaxed(&size_class_ids_end); }

/* Lays out the slabs of an object cache: slots, limits and lists follow from bytes, objects and pages. */
cold void size_class_lay_out(struct size_class *class, uint32_t bytes, unsigned objects, unsigned pages,
			enum page_rule rule);

/*
 * Class of a request of up to TABLE_MAX_BYTES, by its bytes: an index of 16-byte units would cost malloc two
 * instructions. Entries from M_MMAP_THRESHOLD on are 0. Relaxed: size_class_set_threshold alone writes it.
 */
extern _Atomic uint8_t size_class_table[TABLE_MAX_BYTES + 1] LM_HIDDEN;

/* The class of a request of 128 < bytes <= SMALL_MAX_BYTES: class 9 is the first above 2^7, each doubling has eight. */
static inline unsigned size_class_of_medium(size_t bytes)
{
	unsigned exponent = log2_floor(bytes - 1);
	return 9 + (exponent - 7) * 8 + (unsigned)((bytes - 1) >> (exponent - 3)) - 8;
}

/* The class of any request up to SMALL_MAX_BYTES, whatever the threshold. */
unsigned size_class_of(size_t bytes);

/* The smallest class for `bytes` whose objects are all aligned to `alignment` (a power of two), or 0. */
unsigned size_class_aligned(size_t bytes, size_t alignment);

/* Makes the table send requests of `threshold` bytes and more to class 0. */
cold void size_class_set_threshold(size_t threshold);

/*
 * The object of a slab that byte `offset` lies in, and whether one begins there: one multiplication each (after Lemire,
 * Kaser and Kurz 2019, "Faster remainder by direct computation"), for each offset below 2^17 and below the slab's
 * alignment.
 *
 * magic is 2^32 / bytes rounded down, plus 1. So magic * bytes = 2^32 + e with 0 < e <= bytes, and for
 * offset = k * bytes + rest
 *
 *      offset * magic = k * 2^32 + k * e + rest * magic
 *
 * The last two terms together are below 2^32 while (k + 1) * e < magic. So the upper half of the product is k, and the
 * lower half is k * e if an object begins there (rest = 0), else at least magic. begin_limit = objects * e is at most
 * magic. So the lower half is below the limit exactly if one of the slab's objects begins at the offset.
 *
 * (k + 1) * e < magic holds up to bytes = 32768. A slab with a larger object has only this one: magic and begin_limit
 * are 1, the index is always 0, and only offset 0 is a beginning.
 */
static inline unsigned size_class_index(uint32_t magic, uint32_t offset)
{
	return (unsigned)((uint64_t)offset * magic >> 32);
}

static inline bool size_class_begins(const struct size_class *class, uint32_t offset)
{
	return offset * class->magic < class->begin_limit;
}

#endif
