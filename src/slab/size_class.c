/*
 * size_class.c - the table of classes. Slab sizes were chosen for the least waste at the end of a slab, within 512
 * objects and 16 pages; a class above 32 KiB has one object a slab.
 */
#include "slab/size_class.h"

#include "base/settings.h"

#define MAGIC(size) ((uint32_t)((UINT64_C(1) << 32) / (size) + 1))
/* What each further object adds to the product with the magic: e in size_class.h. */
#define EXCESS(size) ((uint32_t)((UINT64_C(1) << 32) / (size) * (size) + (size) - (UINT64_C(1) << 32)))
#define ORDER_UP_TO_8(npages) ((npages) <= 1 ? 0 : (npages) <= 2 ? 1 : (npages) <= 4 ? 2 : 3)
#define ORDER(npages) ((npages) <= 8 ? ORDER_UP_TO_8(npages) : (npages) <= 16 ? 4 : 5)

/* A magazine is a block of 64 to 1024 bytes with a header of 24 (slab/magazine.h). */
#define SLOTS_OF_SMALL(size) ((size) <= 256 ? 125 : (size) <= 1024 ? 61 : 29)
#define SLOTS_OF_MEDIUM(size) ((size) <= 8192 ? 13 : (size) <= 32768 ? 5 : 1)
#define SLOTS(size) ((size) <= 4096 ? SLOTS_OF_SMALL(size) : SLOTS_OF_MEDIUM(size))
#define FIRST(size) ((size) <= 128 ? 16 : (size) <= 1024 ? 8 : (size) <= 4096 ? 4 : 1)

#define QUARTER(objects) ((4 << 16) / ((objects) + 1))

#define OBJECTS(size, npages) ((npages)*4096 / (size))
#define MAGIC_OF(size, npages) (OBJECTS(size, npages) == 1 ? 1 : MAGIC(size))
#define BEGIN_LIMIT_OF(size, npages) (OBJECTS(size, npages) == 1 ? 1 : OBJECTS(size, npages) * EXCESS(size))

#define PAGES_OF(size, npages) (OBJECTS(size, npages) == 1 ? PAGES_ONE : PAGES_EACH)

#define CLASS(size, npages)                                                                                   \
	{(size),          MAGIC_OF(size, npages), BEGIN_LIMIT_OF(size, npages), OBJECTS(size, npages), (npages),      \
	 ORDER(npages),   SLOTS(size),            FIRST(size),                  PAGES_OF(size, npages),               \
	 QUARTER(OBJECTS(size, npages))}

struct size_class size_classes[ID_COUNT] = {
	{0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
	CLASS(16, 2), CLASS(32, 4), CLASS(48, 4), CLASS(64, 8), CLASS(80, 8), CLASS(96, 8), CLASS(112, 8),
	CLASS(128, 16),
	CLASS(144, 16), CLASS(160, 16), CLASS(176, 16), CLASS(192, 16),
	CLASS(208, 16), CLASS(224, 16), CLASS(240, 16), CLASS(256, 16),
	CLASS(288, 16), CLASS(320, 16), CLASS(352, 16), CLASS(384, 16),
	CLASS(416, 16), CLASS(448, 16), CLASS(480, 16), CLASS(512, 16),
	CLASS(576, 16), CLASS(640, 16), CLASS(704, 16), CLASS(768, 16),
	CLASS(832, 16), CLASS(896, 16), CLASS(960, 16), CLASS(1024, 16),
	CLASS(1152, 16), CLASS(1280, 16), CLASS(1408, 16), CLASS(1536, 16),
	CLASS(1664, 16), CLASS(1792, 16), CLASS(1920, 16), CLASS(2048, 16),
	CLASS(2304, 16), CLASS(2560, 15), CLASS(2816, 16), CLASS(3072, 16),
	CLASS(3328, 14), CLASS(3584, 16), CLASS(3840, 16), CLASS(4096, 16),
	CLASS(4608, 16), CLASS(5120, 15), CLASS(5632, 14), CLASS(6144, 15),
	CLASS(6656, 13), CLASS(7168, 16), CLASS(7680, 15), CLASS(8192, 16),
	CLASS(9216, 16), CLASS(10240, 15), CLASS(11264, 14), CLASS(12288, 15),
	CLASS(13312, 13), CLASS(14336, 14), CLASS(15360, 15), CLASS(16384, 16),
	CLASS(18432, 9), CLASS(20480, 15), CLASS(22528, 11), CLASS(24576, 12),
	CLASS(26624, 13), CLASS(28672, 14), CLASS(30720, 15), CLASS(32768, 16),
	CLASS(36864, 9), CLASS(40960, 10), CLASS(45056, 11), CLASS(49152, 12),
	CLASS(53248, 13), CLASS(57344, 14), CLASS(61440, 15), CLASS(65536, 16),
	CLASS(73728, 18), CLASS(81920, 20), CLASS(90112, 22), CLASS(98304, 24),
	CLASS(106496, 26), CLASS(114688, 28), CLASS(122880, 30), CLASS(131072, 32),
};

_Atomic unsigned size_class_ids_end = CLASS_COUNT;

/* Rounded up, unlike QUARTER: a slab that is all free comes to be in list 4, as it may stay. */
static uint32_t bucket_magic(unsigned objects) { return ((4u << 16) + objects - 1) / objects; }

void size_class_lay_out(struct size_class *class, uint32_t bytes, unsigned objects, unsigned pages,
			enum page_rule rule)
{
	*class = (struct size_class){
		.bytes = bytes,
		.magic = objects == 1 ? 1 : MAGIC(bytes),
		.begin_limit = objects == 1 ? 1 : objects * EXCESS(bytes),
		.objects = (uint16_t)objects,
		.pages = (uint8_t)pages,
		.order = (uint8_t)ORDER(pages),
		.magazine_slots = SLOTS(bytes),
		.first_limit = FIRST(bytes),
		.page_rule = (uint8_t)rule,
		.bucket_magic = bucket_magic(objects),
	};
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
 * Behind another malloc each block of a table's size has so many bytes to spare at its end: where that malloc makes a
 * block of nothing but its own header, what it hands out is the end of the header, and must not be our next block.
 */
enum { SPARE_BYTES = CLASS_GRAIN_BYTES };

unsigned size_class_of(size_t bytes)
{
	if (unlikely(setting(&settings.is_behind) != 0) && bytes <= TABLE_MAX_BYTES)
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
		atomic_store_explicit(&size_class_table[bytes], (uint8_t)c, memory_order_relaxed);
	}
}
