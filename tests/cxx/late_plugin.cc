// The C++ part of late_main.c: a program that had no C++ runtime until this was opened.

#include "check.h"
#include "operators.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

static int handler_calls;

static void remove_at_third()
{
	if (++handler_calls == 3)
		std::set_new_handler(nullptr);
}

static void throw_now()
{
	handler_calls++;
	throw std::bad_alloc();
}

static bool fails(const allocate &a, std::size_t size = SIZE_MAX / 2)
{
	try {
		return a.call(size, std::align_val_t(64)) == nullptr && a.nothrow;
	} catch (const std::bad_alloc &) {
		return !a.nothrow;
	}
}

// libstdc++'s own aligned forms round this size up past zero, and succeed: not asked of a plain run.
static bool overflow_is_handled()
{
	const char *preload = std::getenv("LD_PRELOAD");
	return preload && *preload;
}

static void check_failures()
{
	for (const allocate &a : allocates) {
		CHECK(fails(a));
		if (overflow_is_handled())
			CHECK(fails(a, SIZE_MAX - 15));

		handler_calls = 0;
		std::set_new_handler(remove_at_third);
		CHECK(fails(a));
		CHECK(handler_calls == 3);

		handler_calls = 0;
		std::set_new_handler(throw_now);
		CHECK(fails(a));
		CHECK(handler_calls == 1);
		std::set_new_handler(nullptr);
	}
}

static void check_use()
{
	for (const allocate &a : allocates)
		for (const release &r : releases)
			if (a.aligned == r.aligned)
				r.call(a.call(1000, std::align_val_t(64)), 1000, std::align_val_t(64));
	std::vector<std::string> many(1000, std::string(100, 'm'));
	many.resize(10000);
	CHECK(many[999] == std::string(100, 'm'));
	CHECK(many[9999].empty());
}

extern "C" int plugin_check()
{
	check_use();
	check_failures();
	check_use();
	return verdict();
}
