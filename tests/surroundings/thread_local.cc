// C++ thread_local objects whose destructors allocate and free at the thread's end, some of them made by the
// destructors themselves, and static objects whose destructors run after main.
#include "surroundings.h"
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

static std::atomic<int> ended;

struct Inner {
	std::string text = std::string(5000, 'i');
	~Inner()
	{
		std::vector<std::string> more(50, text);
		CHECK(more.back() == text);
		ended++;
	}
};

static Inner &late_inner()
{
	thread_local Inner inner; // first used by Outer's destructor
	return inner;
}

struct Outer {
	std::map<int, std::unique_ptr<std::string>> map;
	~Outer()
	{
		map[7] = std::make_unique<std::string>(100000, 'o');
		map.clear();
		CHECK(late_inner().text.size() == 5000);
		ended++;
	}
};

static thread_local Outer outer;
static Outer of_the_process;

static void work(int number)
{
	for (int i = 0; i < 100; i++)
		outer.map[i] = std::make_unique<std::string>(static_cast<std::size_t>(i * number + 1), 'x');
	of_the_process.map.size();
}

int main()
{
	for (int round = 0; round < 200; round++) {
		std::vector<std::thread> threads;
		for (int i = 0; i < 8; i++)
			threads.emplace_back(work, i);
		for (auto &thread : threads)
			thread.join();
	}
	work(3);
	CHECK(ended == 2 * 200 * 8);
	std::printf("%d thread_local objects destroyed\n", ended.load());
	return 0;
}
