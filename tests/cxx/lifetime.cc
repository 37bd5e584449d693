// Allocation outside main: static constructors and destructors in any order, thread_local objects that are destroyed at
// thread exit (and then release what other threads made), atexit, threads that still run at exit.

#include "check.h"
#include "operators.h"

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

static std::string long_string(int number) { return std::string(100, 'x') + std::to_string(number); }

// The earliest constructor and the latest destructor that a program can have.
struct early {
	std::map<int, std::string> strings;
	early()
	{
		for (int i = 0; i < 1000; i++)
			strings[i] = long_string(i);
	}
	~early()
	{
		for (int i = 0; i < 1000; i++)
			CHECK(strings[i] == long_string(i));
		strings.clear();
		delete new int(5);
		// Nothing after this can change the exit status.
		if (verdict() != 0)
			_exit(1);
	}
};

__attribute__((init_priority(101))) static early first;
static early second;

// One in each thread: it allocates in its constructor and in its destructor.
struct diary {
	std::list<std::unique_ptr<std::string>> pages;
	~diary()
	{
		for (int i = 0; i < 100; i++)
			pages.push_back(std::make_unique<std::string>(long_string(i)));
		while (!pages.empty())
			pages.pop_front();
		std::free(std::calloc(3, 1000));
	}
};

static thread_local diary mine;

static void write_pages(int count)
{
	for (int i = 0; i < count; i++)
		mine.pages.push_back(std::make_unique<std::string>(long_string(i)));
}

static void check_threads()
{
	for (int round = 0; round < 200; round++) {
		std::vector<std::thread> threads;
		std::vector<std::unique_ptr<std::string>> handed_over(8);
		for (int i = 0; i < 8; i++)
			threads.emplace_back([&handed_over, i] {
				write_pages(10 * i);
				handed_over[i] = std::make_unique<std::string>(long_string(i));
			});
		for (std::thread &thread : threads)
			thread.join();
		for (int i = 0; i < 8; i++)
			CHECK(*handed_over[i] == long_string(i));
	}
}

static void check_futures()
{
	std::vector<std::future<std::string>> futures;
	for (int i = 0; i < 50; i++)
		futures.push_back(std::async(std::launch::async, long_string, i));
	for (int i = 0; i < 50; i++)
		CHECK(futures[i].get() == long_string(i));
	auto failing = std::async(std::launch::async, []() -> int { throw std::bad_alloc(); });
	bool caught = false;
	try {
		failing.get();
	} catch (const std::bad_alloc &) {
		caught = true;
	}
	CHECK(caught);
}

int main()
{
	std::atexit([] { CHECK(long_string(1).size() == 101); });
	write_pages(100);
	check_threads();
	check_futures();
	// Busy until the process is gone.
	for (int i = 0; i < 2; i++)
		std::thread([] {
			for (;;)
				delete new std::string(long_string(0));
		}).detach();
	std::this_thread::sleep_for(std::chrono::milliseconds(50));
	return verdict();
}
