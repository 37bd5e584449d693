// What one operator allocated, every delete that may take it (and those that programs use by mistake) releases; objects do
// not overlap and keep their contents. The size and alignment given to delete may be wrong: by default that does no harm.

#include "check.h"
#include "operators.h"

#include <cstdlib>
#include <cstring>
#include <set>

static const std::size_t sizes[] = {0, 1, 7, 8, 15, 16, 17, 24, 64, 100, 1000, 1024, 4000, 4096, 5000, 20000, 32768, 100000,
				    131072, 200000, 1 << 20, (1 << 20) + 1};

static const std::align_val_t alignment{64};

static void fill(void *object, std::size_t size, unsigned char value) { std::memset(object, value, size); }

static bool is_filled(const void *object, std::size_t size, unsigned char value)
{
	auto *bytes = static_cast<const unsigned char *>(object);
	return size == 0 || (bytes[0] == value && std::memcmp(bytes, bytes + 1, size - 1) == 0);
}

// Two neighbours of each size live while a third is released and taken again.
static void try_pair(const allocate &a, const release &r, std::size_t size, std::size_t told, std::align_val_t told_alignment)
{
	void *left = a.call(size, alignment);
	void *object = a.call(size, alignment);
	void *right = a.call(size, alignment);
	CHECK(left && object && right && left != object && object != right && left != right);
	fill(left, size, 1);
	fill(object, size, 2);
	fill(right, size, 3);
	CHECK(is_filled(object, size, 2));
	r.call(object, told, told_alignment);
	object = a.call(size, alignment);
	CHECK(object != nullptr);
	fill(object, size, 4);
	CHECK(is_filled(left, size, 1));
	CHECK(is_filled(right, size, 3));
	r.call(left, told, told_alignment);
	r.call(right, told, told_alignment);
	r.call(object, told, told_alignment);
}

static void check_zero_size_is_unique(const allocate &a)
{
	std::set<void *> seen;
	for (int i = 0; i < 100; i++)
		CHECK(seen.insert(a.call(0, alignment)).second);
	for (void *object : seen)
		release_for(a).call(object, 0, alignment);
}

int main()
{
	for (const allocate &a : allocates) {
		for (const release &r : releases)
			for (std::size_t size : sizes) {
				try_pair(a, r, size, size, alignment);
				if (r.sized)
					for (std::size_t wrong : {std::size_t(0), std::size_t(1), size + 1, size / 2, 2 * size + 100})
						try_pair(a, r, size, wrong, alignment);
				if (r.aligned)
					try_pair(a, r, size, size, std::align_val_t(16));
			}
		check_zero_size_is_unique(a);
	}
	for (const release &r : releases)
		r.call(nullptr, 0, alignment);

	// Not allowed by the standard, common all the same: malloc and new mixed.
	for (std::size_t size : sizes) {
		for (const allocate &a : allocates)
			std::free(a.call(size, alignment));
		for (const release &r : releases)
			r.call(std::malloc(size), size, alignment);
	}
	return verdict();
}
