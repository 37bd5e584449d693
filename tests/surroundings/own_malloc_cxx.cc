// The C++ library beside own_malloc.c: new, delete and the standard containers.
#include "own_malloc.h"
#include "surroundings.h"
#include <map>
#include <memory>
#include <new>
#include <string>
#include <vector>

static void follows_malloc()
{
	unsigned long before = own_malloc_calls();
	char *p = new char[100];

	CHECK(own_malloc_calls() > before);
	CHECK(own_malloc_room(p) >= 100);
	memset(p, 1, 100);
	delete[] p;

	before = own_malloc_calls();
	p = static_cast<char *>(::operator new(5000, std::nothrow));
	CHECK(own_malloc_calls() > before);
	::operator delete(p, static_cast<std::size_t>(5000));

	free(new int(7)); // what new gives is malloc's
	p = new char[0]; // never NULL, though malloc's may be
	CHECK(p != nullptr);
	delete[] p;
	p = static_cast<char *>(::operator new(0, std::nothrow));
	CHECK(p != nullptr);
	::operator delete(p);
	::operator delete(malloc(50));
}

static void aligned(std::size_t alignment, std::size_t bytes)
{
	void *p = ::operator new(bytes, std::align_val_t(alignment));

	CHECK(reinterpret_cast<std::uintptr_t>(p) % alignment == 0);
	memset(p, 2, bytes);
	if (own_malloc_frees_aligned)
		::operator delete(p, bytes, std::align_val_t(alignment));
	else
		own_malloc_end_aligned(p);
}

void own_malloc_cxx()
{
	std::map<int, std::string> strings;
	std::vector<std::shared_ptr<std::string>> shared;

	follows_malloc();
	for (std::size_t alignment = 1; alignment <= 4096; alignment *= 2)
		aligned(alignment, 200);
	for (int i = 0; i < 50; i++) {
		strings[i] = std::string(static_cast<std::size_t>(i * 10), 'x');
		shared.push_back(std::make_shared<std::string>(strings[i]));
	}
	CHECK(strings[49] == *shared[49]);
}
