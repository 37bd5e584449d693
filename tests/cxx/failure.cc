// What the standard says of operator new that finds no memory ([new.delete.single], [new.handler]): it calls the
// new-handler again and again, as long as there is one; a handler that throws ends it; without a handler the throwing
// forms throw std::bad_alloc, the nothrow forms give a null pointer, also when the handler threw.

#include "check.h"
#include "operators.h"

#include <cstdint>
#include <exception>
#include <string>
#include <thread>
#include <vector>

static const std::size_t impossible_sizes[] = {SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 4096};

// libstdc++'s own aligned forms round the size up past zero, and succeed: not asked of a plain run.
static bool overflow_is_handled;

static const std::align_val_t alignments[] = {std::align_val_t(16), std::align_val_t(64), std::align_val_t(4096),
					      std::align_val_t(1 << 20)};

static int handler_calls;

struct special_bad_alloc : std::bad_alloc {
	std::string tag = "a string that is long enough to be on the heap";
	special_bad_alloc() { alive++; }
	special_bad_alloc(const special_bad_alloc &) : std::bad_alloc() { alive++; }
	~special_bad_alloc() override { alive--; }
	inline static thread_local int alive;
};

// True when the call failed in the way that its form demands.
template <typename Exception> bool fails_with(const allocate &a, std::size_t size, std::align_val_t alignment)
{
	try {
		void *object = a.call(size, alignment);
		return a.nothrow && object == nullptr;
	} catch (const Exception &) {
		return !a.nothrow;
	}
}

static void check_without_handler(const allocate &a, std::size_t size, std::align_val_t alignment)
{
	std::set_new_handler(nullptr);
	CHECK(fails_with<std::bad_alloc>(a, size, alignment));
}

// A handler that gives up at its fifth call.
static void remove_at_fifth()
{
	if (++handler_calls == 5)
		std::set_new_handler(nullptr);
}

static void check_removed_handler(const allocate &a, std::size_t size, std::align_val_t alignment)
{
	handler_calls = 0;
	std::set_new_handler(remove_at_fifth);
	CHECK(fails_with<std::bad_alloc>(a, size, alignment));
	CHECK(handler_calls == 5);
	CHECK(std::get_new_handler() == nullptr);
}

// A handler that throws at its third call.
static void throw_at_third()
{
	if (++handler_calls == 3)
		throw special_bad_alloc();
}

static void check_throwing_handler(const allocate &a, std::size_t size, std::align_val_t alignment)
{
	handler_calls = 0;
	std::set_new_handler(throw_at_third);
	CHECK(fails_with<special_bad_alloc>(a, size, alignment));
	CHECK(handler_calls == 3);
	CHECK(std::get_new_handler() == throw_at_third);
	std::set_new_handler(nullptr);
}

// A handler that installs another one, which throws.
static void throw_now() { throw special_bad_alloc(); }

static void hand_over()
{
	handler_calls++;
	std::set_new_handler(throw_now);
}

static void check_handler_chain(const allocate &a, std::size_t size, std::align_val_t alignment)
{
	handler_calls = 0;
	std::set_new_handler(hand_over);
	CHECK(fails_with<special_bad_alloc>(a, size, alignment));
	CHECK(handler_calls == 1);
	std::set_new_handler(nullptr);
}

// The nothrow forms end the exception where nobody else would catch it, and leave nothing of it behind.
static void check_nothrow(const allocate &a) noexcept
{
	std::set_new_handler(throw_now);
	CHECK(a.call(SIZE_MAX / 2, std::align_val_t(64)) == nullptr);
	CHECK(special_bad_alloc::alive == 0);
	CHECK(std::uncaught_exceptions() == 0);
	CHECK(std::current_exception() == nullptr);
	std::set_new_handler(nullptr);
}

// Also while another exception is on its way, which is not disturbed.
struct allocating_guard {
	const allocate &a;
	~allocating_guard()
	{
		std::set_new_handler(throw_now);
		CHECK(a.call(SIZE_MAX / 2, std::align_val_t(64)) == nullptr);
		CHECK(std::uncaught_exceptions() == 1);
		std::set_new_handler(nullptr);
	}
};

static void check_nothrow_in_unwinding(const allocate &a)
{
	int caught = 0;
	try {
		allocating_guard guard{a};
		throw 7;
	} catch (int value) {
		caught = value;
	}
	CHECK(caught == 7);
	CHECK(std::uncaught_exceptions() == 0);
}

// The exception passes through frames that have something to clean up.
static int cleaned;

struct guard {
	~guard() { cleaned++; }
};

static void *allocate_guarded(const allocate &a)
{
	guard outer;
	return a.call(SIZE_MAX / 2, std::align_val_t(64));
}

static void check_unwinding(const allocate &a)
{
	cleaned = 0;
	try {
		guard inner;
		CHECK(allocate_guarded(a) == nullptr && a.nothrow);
	} catch (const std::bad_alloc &exception) {
		CHECK(!a.nothrow && exception.what() != nullptr);
	}
	CHECK(cleaned == 2);
}

// A constructor that throws: the memory of new goes back through the matching delete.
template <std::size_t Alignment> struct alignas(Alignment) thrower {
	thrower() { throw 7; }
	char bytes[1000];
};

template <typename New> void check_constructor(New make)
{
	for (int i = 0; i < 1000; i++) {
		int caught = 0;
		try {
			make();
		} catch (int value) {
			caught = value;
		}
		CHECK(caught == 7);
	}
}

static void check_all()
{
	for (const allocate &a : allocates) {
		for (std::size_t size : impossible_sizes)
			for (std::align_val_t alignment : alignments) {
				if (a.aligned && size > SIZE_MAX - (2 << 20) && !overflow_is_handled)
					continue;
				check_without_handler(a, size, alignment);
				check_removed_handler(a, size, alignment);
				check_throwing_handler(a, size, alignment);
				check_handler_chain(a, size, alignment);
			}
		check_unwinding(a);
		if (a.nothrow) {
			check_nothrow(a);
			check_nothrow_in_unwinding(a);
		}
		// A failure leaves a working allocator behind.
		void *object = a.call(100, std::align_val_t(64));
		CHECK(object != nullptr);
		release_for(a).call(object, 100, std::align_val_t(64));
	}
	check_constructor([] { delete new thrower<16>; });
	check_constructor([] { delete[] new thrower<16>[3]; });
	check_constructor([] { delete new (std::nothrow) thrower<16>; });
	check_constructor([] { delete new thrower<256>; });
	check_constructor([] { delete[] new thrower<256>[3]; });
	bool caught = false;
	try {
		std::vector<char> impossible;
		impossible.reserve(PTRDIFF_MAX);
		[[maybe_unused]] char *volatile seen = impossible.data();
	} catch (const std::bad_alloc &) {
		caught = true;
	}
	CHECK(caught);
}

int main(int argc, char **)
{
	overflow_is_handled = argc > 1;
	check_all();
	std::thread(check_all).join();
	return verdict();
}
