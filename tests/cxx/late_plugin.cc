// The C++ part of late_main.c: a program that had no C++ runtime until this was opened.

#include "check.h"
#include "operators.h"

#include <cstdint>
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

static bool fails(const allocate &a)
{
	try {
		return a.call(SIZE_MAX / 2, std::align_val_t(64)) == nullptr && a.nothrow;
	} catch (const std::bad_alloc &) {
		return !a.nothrow;
	}
}

static void check_failures()
{
	for (const allocate &a : allocates) {
		CHECK(fails(a));

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
