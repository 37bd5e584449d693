// A program that replaces operator new(size_t) and operator delete(void*), and only these, the way the standard allows. They
// win, and the other forms without alignment come down to them ([new.delete.single], [new.delete.array]: "Default
// behavior"). The blocks here begin with a header, so that whoever skips the program's delete is found out.

#include "check.h"
#include "operators.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

static const std::size_t header_bytes = 64;
static const std::size_t magic = 0x1234567890abcdef;
static int live;
static bool is_out_of_memory;

void *operator new(std::size_t size)
{
	char *block = is_out_of_memory ? nullptr : static_cast<char *>(std::malloc(size + header_bytes));
	if (!block)
		throw std::bad_alloc();
	live++;
	*reinterpret_cast<std::size_t *>(block + header_bytes - sizeof(std::size_t)) = magic;
	return block + header_bytes;
}

void operator delete(void *object) noexcept
{
	if (!object)
		return;
	char *block = static_cast<char *>(object) - header_bytes;
	std::size_t *mark = reinterpret_cast<std::size_t *>(block + header_bytes - sizeof(std::size_t));
	CHECK(*mark == magic);
	*mark = 0;
	live--;
	std::free(block);
}

static const std::align_val_t alignment{64};

static void check_pair(const allocate &a, const release &r)
{
	int before = live;
	void *object = a.call(100, alignment);
	if (!CHECK(object != nullptr) || !CHECK(live == before + !a.aligned)) {
		std::printf("  %s does not call the program's operator new\n", a.symbol);
		return;
	}
	r.call(object, 100, alignment);
	if (!CHECK(live == before))
		std::printf("  %s does not call the program's operator delete\n", r.symbol);
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
			if (a.aligned == r.aligned)
				check_pair(a, r);
		if (!a.aligned)
			check_failure(a);
	}
	// Code of libstdc++ itself calls new and delete too.
	int before = live;
	{
		std::string text(1000, 'a');
		text += text;
		std::vector<std::string> many(10, text);
		CHECK(live >= before + 11);
	}
	CHECK(live == before);
	return verdict();
}
