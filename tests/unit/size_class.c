/*
 * size_class.c - slab/size_class.h: every class, every offset, every request size against plain division.
 */
#include "unit.h"

#include "base/settings.h"
#include "page/pagemap.h"
#include "magazine/magazine.h"
#include "slab/slab.h"

static size_t slab_bytes(unsigned c) { return (size_t)size_classes[c].pages * PAGE_BYTES; }

/* The smallest class that holds `bytes`, by looking. */
static unsigned class_by_search(size_t bytes)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		if (size_classes[c].bytes >= bytes)
			return c;
	return 0;
}

static void layouts_are_sound(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		const struct size_class *class = &size_classes[c];
		size_t aligned_bytes = (size_t)PAGE_BYTES << class->order;
		assert_true(class->bytes > size_classes[c - 1].bytes);
		assert_int_equal(class->bytes % CLASS_GRAIN_BYTES, 0);
		assert_int_equal(class->objects, slab_bytes(c) / class->bytes);
		assert_in_range(class->objects, 1, SLAB_MAX_OBJECTS);
		assert_true(slab_bytes(c) <= aligned_bytes && (class->order == 0 || slab_bytes(c) > aligned_bytes / 2));
		assert_in_range(class->pages, 1, 32);
		assert_in_range(class->first_limit, 1, class->magazine_slots);
		assert_true(magazine_bytes(c) <= META_MAX_BYTES);
		assert_true(class->begin_limit <= class->magic);
		/* What is left at the end of a slab. */
		assert_true((slab_bytes(c) - class->objects * (size_t)class->bytes) * 16 < slab_bytes(c));
	}
	assert_int_equal(size_classes[CLASS_COUNT - 1].bytes, SMALL_MAX_BYTES);
	assert_int_equal(size_classes[0].bytes + size_classes[0].objects + size_classes[0].magic, 0);
	assert_int_equal(size_classes[0].begin_limit, 0);
}

/* Each offset below the slab's alignment, as far as the bin's mask lets through. */
static void check_offsets(const struct size_class *class, uint32_t end)
{
	for (uint32_t offset = 0; offset < end; offset++) {
		uint32_t index = offset / class->bytes;
		bool begins = offset % class->bytes == 0 && index < class->objects;
		check(size_class_begins(class, offset) == begins);
		check(class->objects == 1 || size_class_index(class->magic, offset) == index);
	}
}

static void every_offset_finds_its_object(void **state)
{
	(void)state;
	for (unsigned c = 1; c < CLASS_COUNT; c++)
		check_offsets(&size_classes[c], (uint32_t)PAGE_BYTES << size_classes[c].order);
}

/* Whatever object caches may have: every stride, the most objects, and fewer. */
static void every_stride_finds_its_objects(void **state)
{
	(void)state;
	enum { STRIDE_MAX = 32768, OBJECT_SLAB_PAGES = 16 };
	for (uint32_t bytes = 8; bytes <= STRIDE_MAX; bytes += bytes < 512 ? 8 : 136) {
		struct size_class class;
		unsigned most = (unsigned)size_min((OBJECT_SLAB_PAGES << PAGE_SHIFT) / bytes, SLAB_MAX_OBJECTS);
		for (unsigned objects = most; objects > 1; objects -= (objects + 2) / 3) {
			size_class_lay_out(&class, bytes, objects, OBJECT_SLAB_PAGES, PAGES_EACH);
			check_offsets(&class, OBJECT_SLAB_PAGES << PAGE_SHIFT);
		}
	}
}

static void nothing_begins_in_class_0(void **state)
{
	(void)state;
	for (uint32_t offset = 0; offset < 1 << 17; offset++)
		check(!size_class_begins(&size_classes[0], offset));
}

static void every_request_gets_the_smallest_class(void **state)
{
	(void)state;
	for (size_t bytes = 0; bytes <= SMALL_MAX_BYTES; bytes++) {
		unsigned c = size_class_of(bytes);
		check(c == class_by_search(bytes));
		if (bytes > TABLE_MAX_BYTES)
			check(c == size_class_of_medium(bytes));
		else
			check(c == size_class_table[bytes]);
		size_t waste = size_classes[c].bytes - bytes;
		if (bytes > 128)
			check(waste * 8 <= bytes && waste * 9 <= size_classes[c].bytes);
		else
			check(waste <= 16);
	}
}

static void the_table_follows_the_threshold(void **state)
{
	(void)state;
	static const size_t thresholds[] = {0, 1, 15, 16, 17, 100, 127, 128, 129, 512, 1000, 1008, 1009, 1023, 1024, 1025, SIZE_MAX};
	for (size_t i = 0; i < sizeof(thresholds) / sizeof(thresholds[0]); i++) {
		size_class_set_threshold(thresholds[i]);
		for (size_t bytes = 0; bytes <= TABLE_MAX_BYTES; bytes++)
			assert_int_equal(size_class_table[bytes], bytes >= thresholds[i] ? 0 : size_class_of(bytes));
	}
}

static unsigned aligned_by_search(size_t bytes, size_t alignment)
{
	for (unsigned c = 1; c < CLASS_COUNT; c++) {
		size_t slab_alignment = (size_t)PAGE_BYTES << size_classes[c].order;
		if (size_classes[c].bytes >= bytes && size_classes[c].bytes % alignment == 0 && alignment <= slab_alignment)
			return c;
	}
	return 0;
}

static void aligned_classes_are_the_smallest(void **state)
{
	(void)state;
	for (size_t alignment = 1; alignment <= 4 * SMALL_MAX_BYTES; alignment *= 2)
		for (size_t bytes = 0; bytes <= SMALL_MAX_BYTES + 2; bytes += bytes < 5000 ? 1 : 61)
			check(size_class_aligned(bytes, alignment) == aligned_by_search(bytes, alignment));
	assert_int_equal(size_class_aligned(SIZE_MAX, 16), 0);
	assert_int_equal(size_class_aligned(1, (size_t)1 << 63), 0);
}

/* Behind another malloc: 16 bytes to spare at the end of each block of the table. */
static void blocks_can_have_bytes_to_spare(void **state)
{
	(void)state;
	settings.is_behind = 1;
	size_class_set_threshold(SIZE_MAX);
	for (size_t bytes = 0; bytes <= TABLE_MAX_BYTES; bytes++) {
		assert_int_equal(size_class_table[bytes], size_class_of(bytes));
		assert_int_equal(size_class_of(bytes), class_by_search(bytes + 16));
	}
	for (size_t bytes = TABLE_MAX_BYTES + 1; bytes <= SMALL_MAX_BYTES; bytes += 7)
		assert_int_equal(size_class_of(bytes), class_by_search(bytes));
	assert_int_equal(size_classes[size_class_aligned(1, 64)].bytes, 128);
}

UNIT_MAIN(UNIT(blocks_can_have_bytes_to_spare), UNIT(layouts_are_sound), UNIT(every_offset_finds_its_object),
	  UNIT(every_stride_finds_its_objects), UNIT(nothing_begins_in_class_0),
	  UNIT(every_request_gets_the_smallest_class), UNIT(the_table_follows_the_threshold),
	  UNIT(aligned_classes_are_the_smallest))
