// A C++ program behind wrapper.c: whatever the wrapper does not know is served from the heap behind it, aligned blocks
// above all, and what C++ and libc send through malloc and free goes through the wrapper's.
#include "surroundings.h"
#include <dlfcn.h>
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

static bool aligned_is_wrapped;
static bool is_ours; // the heap behind the wrapper; libc's would take the wrapper's header for its own

static long number_from(const char *function)
{
	auto *found = reinterpret_cast<long (*)()>(dlsym(RTLD_DEFAULT, function));

	return found ? found() : 0;
}

static void use(void *p, std::size_t alignment, std::size_t bytes)
{
	CHECK(p && reinterpret_cast<std::uintptr_t>(p) % alignment == 0);
	CHECK(malloc_usable_size(p) >= bytes);
	memset(p, 0x5a, bytes);
}

static void aligned_blocks(std::size_t alignment, std::size_t bytes)
{
	void *p = nullptr;

	CHECK(posix_memalign(&p, alignment, bytes) == 0);
	use(p, alignment, bytes);
	free(p);
	use(p = memalign(alignment, bytes), alignment, bytes);
	char *grown = static_cast<char *>(realloc(p, bytes * 2 + 1));
	CHECK(grown && grown[bytes - 1] == 0x5a);
	free(grown);
	std::size_t rounded = (bytes + alignment - 1) & ~(alignment - 1);
	use(p = aligned_alloc(alignment, rounded), alignment, rounded);
	free(p);
	use(p = valloc(bytes), 4096, bytes);
	free(p);
	use(p = pvalloc(bytes), 4096, bytes);
	grown = static_cast<char *>(reallocarray(p, 2, bytes));
	CHECK(grown && grown[bytes - 1] == 0x5a);
	free(grown);
}

static void aligned_new(std::size_t alignment, std::size_t bytes)
{
	const auto align = std::align_val_t(alignment);
	long before = number_from("wrapper_aligned_calls");
	void *p = ::operator new(bytes, align);

	CHECK(!aligned_is_wrapped || number_from("wrapper_aligned_calls") > before);
	use(p, alignment, bytes);
	::operator delete(p, align);
	use(p = ::operator new[](bytes, align), alignment, bytes);
	::operator delete[](p, bytes, align);
	use(p = ::operator new(bytes, align, std::nothrow), alignment, bytes);
	::operator delete(p, align, std::nothrow);
}

struct alignas(128) wide {
	char text[200];
};

static void containers()
{
	std::vector<wide> vector;
	std::map<int, std::string> strings;
	std::vector<std::shared_ptr<wide>> shared;

	for (int i = 0; i < 3000; i++) {
		vector.push_back({});
		vector.back().text[0] = static_cast<char>(i);
		CHECK(reinterpret_cast<std::uintptr_t>(&vector.back()) % 128 == 0);
	}
	for (int i = 0; i < 3000; i++)
		CHECK(vector[static_cast<std::size_t>(i)].text[0] == static_cast<char>(i));
	for (int i = 0; i < 50; i++) {
		strings[i] = std::string(static_cast<std::size_t>(i * 10), 'x');
		shared.push_back(std::make_shared<wide>());
	}
}

static void plain()
{
	char *text = nullptr;
	char *line = nullptr;
	std::size_t room = 0;

	CHECK(asprintf(&text, "%d", 7) == 1);
	text = static_cast<char *>(reallocarray(text, 100, 10));
	CHECK(text && text[0] == '7');
	free(text);
	FILE *file = fopen("/proc/self/status", "r");
	CHECK(file && getline(&line, &room, file) > 0);
	fclose(file);
	free(line);
	free(strdup("text"));
	long before = number_from("wrapper_live");
	void *p = ::operator new(100);
	if (before)
		CHECK(number_from("wrapper_live") == before + 1);
	CHECK(!is_ours || malloc_usable_size(p) == 0 || !before);
	::operator delete(p, static_cast<std::size_t>(100));
	CHECK(number_from("wrapper_live") == before);
	free(new int(7));
	::operator delete(malloc(50));
}

static void small_beside_small()
{
	void *empty[200], *small[200];

	for (int i = 0; i < 200; i++) {
		CHECK(empty[i] = malloc(0));
		CHECK(posix_memalign(&small[i], 16, 64) == 0);
		CHECK(small[i] = realloc(small[i], i % 17 + 1)); // without a header
	}
	for (int i = 0; i < 200; i++)
		free(small[i]);
	for (int i = 0; i < 200; i++)
		free(empty[i]);
}

static void *block_of(unsigned kind, std::size_t bytes)
{
	void *p = nullptr;

	switch (kind) {
	case 0:
		return aligned_alloc(std::size_t(16) << bytes % 9, (bytes + 4095) / 4096 * 4096);
	case 1:
		CHECK(posix_memalign(&p, 64, bytes) == 0);
		return p;
	case 2:
		return realloc(malloc(bytes / 2 + 1), bytes);
	case 3:
		return calloc(1, bytes);
	default:
		return malloc(bytes);
	}
}

// Pages go from one size to another: before a block that has no header the wrapper must not find an old one.
static void pages_used_before()
{
	enum { LIVE = 3000, ROUNDS = 12, STEPS = 20000 };
	static thread_local void *block[LIVE];
	unsigned random = 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		for (auto &p : block)
			p = malloc(10 + round % 4 * 8);
		for (auto &p : block)
			free(p);
		for (auto &p : block)
			CHECK(p = aligned_alloc(16, 32 + round * 16));
		for (auto &p : block)
			free(p), p = nullptr;
	}
	for (unsigned i = 0; i < STEPS; i++) {
		random = random * 1103515245 + 12345;
		void *&p = block[(random >> 8) % 200];
		std::size_t bytes = (random >> 12) % (random & 0x70000 ? 2000 : 300000) + 1;
		free(p);
		CHECK(p = block_of(random >> 4 & 7, bytes));
		memset(p, -1, bytes);
	}
	for (auto &p : block)
		free(p), p = nullptr;
}

// What others of libmalloc's functions return goes back to it.
static void beyond_malloc()
{
	auto *lm_malloc = reinterpret_cast<void *(*)(std::size_t, unsigned)>(dlsym(RTLD_DEFAULT, "lm_malloc"));
	auto *lm_realloc =
		reinterpret_cast<void *(*)(void *, std::size_t, unsigned)>(dlsym(RTLD_DEFAULT, "lm_realloc"));
	auto *lm_kvfree = reinterpret_cast<void (*)(void *)>(dlsym(RTLD_DEFAULT, "lm_kvfree"));

	for (std::size_t bytes = 1; lm_malloc && bytes < 1 << 20; bytes *= 5) {
		void *p = lm_malloc(bytes, 0);
		CHECK(malloc_usable_size(p) >= bytes);
		lm_kvfree(lm_realloc(p, bytes * 2, 0));
		char *theirs = static_cast<char *>(memset(malloc(bytes), 3, bytes));
		theirs = static_cast<char *>(lm_realloc(theirs, bytes * 2, 0));
		CHECK(theirs && theirs[bytes - 1] == 3);
		lm_kvfree(theirs);
	}
}

static void work()
{
	for (std::size_t alignment = 16; alignment <= 1 << 22; alignment *= 2) {
		for (std::size_t bytes = 1; bytes <= 1 << 21; bytes *= 8) {
			aligned_blocks(alignment, bytes);
			aligned_new(alignment, bytes);
		}
	}
	containers();
	small_beside_small();
	pages_used_before();
	beyond_malloc();
}

int main(int argc, char **argv)
{
	CHECK(argc == 2);
	aligned_is_wrapped = !strcmp(argv[1], "aligned_alloc");
	is_ours = dlsym(RTLD_DEFAULT, "lm_version") != nullptr;
	// Named as a value here, malloc has another address than the library's where the program is not
	// position-independent. It is no other malloc: the smallest blocks are as small as ever.
	void *(*volatile take)(std::size_t) = malloc;
	CHECK(strcmp(argv[1], "alone") || malloc_usable_size(take(1)) == 16);
	plain();
	std::thread thread(work);
	work();
	thread.join();
	return 0;
}
