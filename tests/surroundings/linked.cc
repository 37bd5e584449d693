// A program linked with the library, in either order of DT_NEEDED. After libc in the list, libmalloc answers only
// what libc and libstdc++ do not, and what it answers must follow the malloc that the process is bound to.
#include "surroundings.h"
#include <malloc.h>
#include <map>
#include <new>
#include <string>
#include <thread>

static void work()
{
	std::map<int, std::string> strings;

	for (int i = 0; i < 200; i++) {
		strings[i] = std::string(static_cast<std::size_t>(i * 20), 'x');
		char *p = new char[static_cast<std::size_t>(i * 50 + 1)];
		CHECK(malloc_usable_size(p) >= static_cast<std::size_t>(i * 50 + 1));
		free(p);
		::operator delete(malloc(static_cast<std::size_t>(i * 50)));
		for (std::size_t alignment = 16; alignment <= 8192; alignment *= 2) {
			void *q = nullptr;
			CHECK(posix_memalign(&q, alignment, 100) == 0);
			CHECK(reinterpret_cast<std::uintptr_t>(q) % alignment == 0);
			q = realloc(q, 1000);
			free(q);
			q = ::operator new(100, std::align_val_t(alignment));
			CHECK(reinterpret_cast<std::uintptr_t>(q) % alignment == 0);
			::operator delete(q, std::align_val_t(alignment));
		}
		free(strdup(strings[i].c_str()));
		free(realpath("/proc", nullptr));
	}
	malloc_trim(0);
}

int main()
{
	std::thread thread(work);

	work();
	thread.join();
	return 0;
}
