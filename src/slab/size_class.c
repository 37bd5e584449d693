/*
 * size_class.c - the table of classes. Slab sizes were chosen for the least waste at the end of a slab, within 512
 * objects and 16 pages; a class above 32 KiB has one object a slab.
 */
#include "slab/size_class.h"

#include "base/settings.h"
#include "page/pagemap.h"

#define MAGIC(size) ((uint32_t)((UINT64_C(1) << 32) / (size) + 1))
/* What each further object adds to the product with the magic: e in size_class.h. */
#define EXCESS(size) ((uint32_t)((UINT64_C(1) << 32) / (size) * (size) + (size) - (UINT64_C(1) << 32)))
#define ORDER(npages) ((npages) == 1 ? 0 : 32 - __builtin_clz((npages) - 1u))

/* Slots of a magazine: it is a block of 64 to 1024 bytes, of which 24 are a header. Then the limit of a fresh one. */
#define SLOTS_OF_SMALL(size) ((size) <= 256 ? 125 : (size) <= 1024 ? 61 : 29)
#define SLOTS_OF_MEDIUM(size) ((size) <= 8192 ? 13 : 5)
#define SLOTS(size) ((size) <= 4096 ? SLOTS_OF_SMALL(size) : SLOTS_OF_MEDIUM(size))
#define FIRST(size) ((size) <= 128 ? 16 : (size) <= 1024 ? 8 : (size) <= 4096 ? 4 : 1)

/* The layout of a slab of `count` objects; MAGIC and EXCESS have no meaning for one object. */
#define LAYOUT(size, count, npages, rule, quarter)                      \
	{                                                               \
		.bytes = (size),                                        \
		.magic = (count) == 1 ? 1 : MAGIC(size),                \
		.begin_limit = (count) == 1 ? 1 : (count)*EXCESS(size), \
		.objects = (count),                                     \
		.pages = (npages),                                      \
		.order = ORDER(npages),                                 \
		.magazine_slots = SLOTS(size),                          \
		.first_limit = FIRST(size),                             \
		.page_rule = (rule),                                    \
		.bucket_magic = (quarter),                              \
	}

#define OBJECTS(size, npages) ((npages)*PAGE_BYTES / (size))
/* In malloc's classes an empty slab falls into bucket 3, or 2 with one or two objects, and is destroyed at once. */
#define CLASS(size, npages)                                                                               \
	LAYOUT(size, OBJECTS(size, npages), npages, OBJECTS(size, npages) == 1 ? PAGES_ONE : PAGES_EACH, \
	       (4 << 16) / (OBJECTS(size, npages) + 1))

/* The classes above `base` up to twice as much, each by the pages of its slabs. */
#define TWO_ABOVE(base, step, a, b) CLASS((base) + (step), a), CLASS((base) + 2 * (step), b)
#define FOUR_ABOVE(base, step, a, b, c, d) \
	TWO_ABOVE(base, step, a, b), TWO_ABOVE((base) + 2 * (step), step, c, d)
#define EIGHT(base, a, b, c, d, e, f, g, h) \
	FOUR_ABOVE(base, (base) / 8, a, b, c, d), FOUR_ABOVE((base) + (base) / 2, (base) / 8, e, f, g, h)

struct size_class size_classes[ID_COUNT] = {
	{.bytes = 0},
	FOUR_ABOVE(0, 16, 2, 4, 4, 8),
	FOUR_ABOVE(64, 16, 8, 8, 8, 16),
	EIGHT(128, 16, 16, 16, 16, 16, 16, 16, 16),
	EIGHT(256, 16, 16, 16, 16, 16, 16, 16, 16),
	EIGHT(512, 16, 16, 16, 16, 16, 16, 16, 16),
	EIGHT(1024, 16, 16, 16, 16, 16, 16, 16, 16),
	EIGHT(2048, 16, 15, 16, 16, 14, 16, 16, 16),
	EIGHT(4096, 16, 15, 14, 15, 13, 16, 15, 16),
	EIGHT(8192, 16, 15, 14, 15, 13, 14, 15, 16),
	EIGHT(16384, 9, 15, 11, 12, 13, 14, 15, 16),
	EIGHT(32768, 9, 10, 11, 12, 13, 14, 15, 16),
	EIGHT(65536, 18, 20, 22, 24, 26, 28, 30, 32),
};

_Atomic unsigned size_class_ids_end = CLASS_COUNT;

void size_class_lay_out(struct size_class *class, uint32_t bytes, unsigned objects, unsigned pages,
			enum page_rule rule)
{
	/* Rounded up, unlike malloc's: an empty slab falls into bucket 4, BUCKET_EMPTY, and may stay. */
	*class = (struct size_class)LAYOUT(bytes, objects, pages, rule, ((4u << 16) + objects - 1) / objects);
}

/* The requests of class c, or of four classes from c on: `size` bytes, `step` more than the class before. */
#define ONE(c, size, step) [(size) - (step) + 1 ... (size)] = (c)
#define TWO(c, size, step) ONE(c, size, step), ONE((c) + 1, (size) + (step), step)
#define FOUR(c, size, step) TWO(c, size, step), TWO((c) + 2, (size) + 2 * (step), step)

_Atomic uint8_t size_class_table[TABLE_MAX_BYTES + 1] = {
	[0] = 1,
	FOUR(1, 16, 16), FOUR(5, 80, 16), FOUR(9, 144, 16), FOUR(13, 208, 16),
	FOUR(17, 288, 32), FOUR(21, 416, 32), FOUR(25, 576, 64), FOUR(29, 832, 64),
};

/*
 * Behind another malloc each block of a table's size has so many bytes to spare at its end: that malloc may make a
 * block of its own header only, and hand out the end of the header, which must not be our next block.
 */
enum { SPARE_BYTES = CLASS_GRAIN_BYTES };

unsigned size_class_of(size_t bytes)
{
	if (unlikely(load_relaxed(&settings.is_behind) != 0) && bytes <= TABLE_MAX_BYTES)
		bytes += SPARE_BYTES;
	if (bytes <= 16)
		return 1;
	if (bytes <= 128)
		return (unsigned)((bytes + 15) / 16);
	return size_class_of_medium(bytes);
}

unsigned size_class_aligned(size_t bytes, size_t alignment)
{
	if (bytes > SMALL_MAX_BYTES || alignment > SMALL_MAX_BYTES)
		return 0;
	/* A multiple of the alignment at least: most often the first class is right then. */
	unsigned c = size_class_of(size_max(round_up(bytes, alignment), alignment));
	while (c < CLASS_COUNT && size_classes[c].bytes % alignment != 0)
		c++;
	return c == CLASS_COUNT ? 0 : c;
}

void size_class_set_threshold(size_t threshold)
{
	for (size_t bytes = 0; bytes <= TABLE_MAX_BYTES; bytes++) {
		unsigned c = bytes >= threshold ? 0 : size_class_of(bytes);
		store_relaxed(&size_class_table[bytes], (uint8_t)c);
	}
}
