// Memory really runs out (RLIMIT_AS): std::bad_alloc or a null pointer, the handler's freed memory is used, nothing that was
// allocated is damaged, and after the memory went back all works again. Also with several threads at once.

#include "check.h"
#include "operators.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <future>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>
#include <vector>

static const std::size_t room_bytes = 32 << 20;
static const std::align_val_t alignment{128};

static void set_limit()
{
	std::size_t pages = 0;
	std::ifstream("/proc/self/statm") >> pages;
	rlimit limit;
	getrlimit(RLIMIT_AS, &limit);
	limit.rlim_cur = pages * sysconf(_SC_PAGESIZE) + room_bytes;
	CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

// Objects in a list through themselves, so that keeping them needs no memory.
struct node {
	node *next;
	std::size_t size;
};

class pile {
    public:
	pile(const allocate &a, std::size_t size) : a(a), size(size) {}
	~pile() { clear(); }

	// Allocates until memory has run out; gives the number of bytes.
	std::size_t fill()
	{
		std::size_t bytes = 0;
		try {
			while (void *object = a.call(size, alignment)) {
				std::memset(object, 0x11, size);
				top = new (object) node{top, size};
				bytes += size;
			}
			CHECK(a.nothrow);
		} catch (const std::bad_alloc &) {
			CHECK(!a.nothrow);
		}
		return bytes;
	}

	void clear()
	{
		while (top) {
			node *object = top;
			top = object->next;
			CHECK(object->size == size);
			CHECK(reinterpret_cast<unsigned char *>(object)[size - 1] == 0x11);
			release_for(a).call(object, size, alignment);
		}
	}

    private:
	const allocate &a;
	std::size_t size;
	node *top = nullptr;
};

static const std::size_t sizes[] = {100, 5000, 60000, 300000};

// Twice: the second time the memory is what the first time gave back.
static void check_exhaustion(std::size_t size)
{
	for (const allocate &a : allocates) {
		pile objects(a, size);
		std::size_t first = objects.fill();
		objects.clear();
		std::size_t second = objects.fill();
		if (!CHECK(first > room_bytes / 4) || !CHECK(second > room_bytes / 4))
			std::printf("  %s, size %zu: %zu bytes, then %zu\n", a.symbol, size, first, second);
	}
}

// A handler with four reserves of 2 MiB that it gives up one by one.
static const int nreserves = 4;
static void *reserves[nreserves];
static int reserves_left;
static int handler_calls;

static void give_up_reserve()
{
	handler_calls++;
	if (reserves_left > 0)
		::operator delete(reserves[--reserves_left]);
	else
		std::set_new_handler(nullptr);
}

static void check_helpful_handler()
{
	for (const allocate &a : allocates) {
		for (void *&reserve : reserves)
			reserve = ::operator new(2 << 20);
		reserves_left = nreserves;
		handler_calls = 0;
		std::set_new_handler(give_up_reserve);
		{
			pile objects(a, 1 << 20);
			std::size_t bytes = objects.fill();
			CHECK(bytes > room_bytes / 4);
		}
		// Each reserve once, and the call that takes the handler away.
		CHECK(handler_calls == nreserves + 1);
		CHECK(std::get_new_handler() == nullptr);
	}
}

static void exhaust_in_turn(int number)
{
	for (int round = 0; round < 3; round++)
		pile(allocates[(2 * number + round) % 8], sizes[number]).fill();
}

int main()
{
	// Threads and a first exception before the limit: what they need themselves is not what is tested. The limit is set
	// when all have thrown: libc maps an arena for each thread that allocates.
	std::promise<void> start;
	std::shared_future<void> started = start.get_future().share();
	std::vector<std::thread> threads;
	std::atomic<int> thrown{0};
	for (int i = 0; i < 4; i++)
		threads.emplace_back([i, started, &thrown] {
			try {
				throw std::bad_alloc();
			} catch (const std::bad_alloc &) {
			}
			thrown++;
			started.wait();
			exhaust_in_turn(i);
		});

	while (thrown != 4)
		std::this_thread::yield();
	set_limit();
	for (std::size_t size : sizes)
		check_exhaustion(size);
	check_helpful_handler();
	start.set_value();
	for (std::thread &thread : threads)
		thread.join();
	check_exhaustion(5000);
	return verdict();
}
