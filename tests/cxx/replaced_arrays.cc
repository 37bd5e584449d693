// A program that replaces what replaced.cc leaves alone: operator new[](size_t), the aligned operator new, and their
// deletes. Sized and nothrow forms come down to them, aligned array forms too; plain single objects stay the library's. The
// blocks begin with a header, so that whoever skips the program's delete is found out.

#include "check.h"
#include "operators.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

static const std::size_t header_bytes = 64;
static const std::size_t magic = 0x1234567890abcdef;
static int live;
static bool is_out_of_memory;

static void *take(std::size_t size)
{
	char *block = is_out_of_memory ? nullptr : static_cast<char *>(std::malloc(size + header_bytes));
	if (!block)
		throw std::bad_alloc();
	live++;
	std::memcpy(block + header_bytes - sizeof(magic), &magic, sizeof(magic));
	return block + header_bytes;
}

static void give(void *object)
{
	char *block = static_cast<char *>(object) - header_bytes;
	CHECK(std::memcmp(block + header_bytes - sizeof(magic), &magic, sizeof(magic)) == 0);
	live--;
	std::free(block);
}

void *operator new[](std::size_t size) { return take(size); }
void operator delete[](void *object) noexcept { give(object); }
void *operator new(std::size_t size, std::align_val_t) { return take(size); }
void operator delete(void *object, std::align_val_t) noexcept { give(object); }

static const std::align_val_t alignment{16};

// "_Zna" and "_Zda" begin the names of the array forms.
static bool is_array(const char *symbol) { return symbol[3] == 'a'; }

template <typename Operator> bool is_replaced(const Operator &o) { return o.aligned || is_array(o.symbol); }

static void check_pair(const allocate &a, const release &r)
{
	int before = live;
	void *object = a.call(100, alignment);
	if (!CHECK(object != nullptr) || !CHECK(live == before + is_replaced(a))) {
		std::printf("  %s\n", a.symbol);
		return;
	}
	r.call(object, 100, alignment);
	if (!CHECK(live == before))
		std::printf("  %s after %s\n", r.symbol, a.symbol);
}

static void check_failure(const allocate &a)
{
	bool failed = false;
	is_out_of_memory = true;
	try {
		failed = a.call(100, alignment) == nullptr && a.nothrow;
	} catch (const std::bad_alloc &) {
		failed = !a.nothrow;
	}
	is_out_of_memory = false;
	if (!CHECK(failed))
		std::printf("  %s\n", a.symbol);
}

int main()
{
	for (const allocate &a : allocates) {
		for (const release &r : releases)
			if (a.aligned == r.aligned && is_array(a.symbol) == is_array(r.symbol))
				check_pair(a, r);
		if (is_replaced(a))
			check_failure(a);
	}
	CHECK(live == 0);
	return verdict();
}
