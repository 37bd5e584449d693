// Alignments from 1 byte to 1 MiB, by the operators and by over-aligned types.

#include "check.h"
#include "operators.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

static bool is_aligned(const void *object, std::size_t alignment)
{
	return (reinterpret_cast<std::uintptr_t>(object) & (alignment - 1)) == 0;
}

static void check_operators()
{
	for (const allocate &a : allocates) {
		if (!a.aligned)
			continue;
		for (std::size_t alignment = 1; alignment <= (1 << 20); alignment *= 2)
			for (std::size_t size : {std::size_t(0), std::size_t(1), std::size_t(24), std::size_t(100), alignment - 1,
						 alignment, alignment + 1, 3 * alignment, std::size_t(300000)})
				for (const release &r : releases) {
					if (!r.aligned)
						continue;
					void *objects[3];
					for (void *&object : objects) {
						object = a.call(size, std::align_val_t(alignment));
						CHECK(object && is_aligned(object, alignment));
						if (size <= 300000)
							std::memset(object, 0x5a, size);
					}
					for (void *object : objects)
						r.call(object, size, std::align_val_t(alignment));
				}
	}
}

// Plain new: any object without extended alignment that fits into the size.
static void check_plain()
{
	for (const allocate &a : allocates)
		for (std::size_t size = 1; !a.aligned && size < 3000; size++) {
			void *object = a.call(size, std::align_val_t(1));
			std::size_t alignment = __STDCPP_DEFAULT_NEW_ALIGNMENT__;
			while (alignment > size)
				alignment /= 2;
			CHECK(is_aligned(object, alignment));
			release_for(a).call(object, size, std::align_val_t(1));
		}
}

template <std::size_t Alignment> struct alignas(Alignment) over_aligned {
	char byte = 1;
	virtual ~over_aligned() = default;
};

template <std::size_t Alignment> void check_type()
{
	using type = over_aligned<Alignment>;
	std::unique_ptr<type> one(new type);
	std::unique_ptr<type[]> some(new type[3]);
	std::vector<type> many(5);
	many.resize(20);
	auto shared = std::make_shared<type>();
	for (const void *object : {static_cast<const void *>(one.get()), static_cast<const void *>(&some[0]),
				   static_cast<const void *>(&some[2]), static_cast<const void *>(&many[19]),
				   static_cast<const void *>(shared.get())})
		CHECK(is_aligned(object, Alignment));
}

int main()
{
	check_operators();
	check_plain();
	check_type<32>();
	check_type<64>();
	check_type<4096>();
	check_type<65536>();
	check_type<1 << 20>();
	return verdict();
}
