// The 20 replaceable operators of C++17 as two tables, so that a test can walk through all of them.

#ifndef LM_TESTS_CXX_OPERATORS_H
#define LM_TESTS_CXX_OPERATORS_H

#include <cstddef>
#include <new>

struct allocate {
	const char *symbol;
	bool aligned, nothrow;
	void *(*call)(std::size_t size, std::align_val_t alignment);
};

struct release {
	const char *symbol;
	bool aligned, sized;
	void (*call)(void *object, std::size_t size, std::align_val_t alignment);
};

inline const allocate allocates[] = {
	{"_Znwm", false, false, [](std::size_t n, std::align_val_t) { return ::operator new(n); }},
	{"_Znam", false, false, [](std::size_t n, std::align_val_t) { return ::operator new[](n); }},
	{"_ZnwmRKSt9nothrow_t", false, true,
	 [](std::size_t n, std::align_val_t) { return ::operator new(n, std::nothrow); }},
	{"_ZnamRKSt9nothrow_t", false, true,
	 [](std::size_t n, std::align_val_t) { return ::operator new[](n, std::nothrow); }},
	{"_ZnwmSt11align_val_t", true, false, [](std::size_t n, std::align_val_t a) { return ::operator new(n, a); }},
	{"_ZnamSt11align_val_t", true, false, [](std::size_t n, std::align_val_t a) { return ::operator new[](n, a); }},
	{"_ZnwmSt11align_val_tRKSt9nothrow_t", true, true,
	 [](std::size_t n, std::align_val_t a) { return ::operator new(n, a, std::nothrow); }},
	{"_ZnamSt11align_val_tRKSt9nothrow_t", true, true,
	 [](std::size_t n, std::align_val_t a) { return ::operator new[](n, a, std::nothrow); }},
};

inline const release releases[] = {
	{"_ZdlPv", false, false, [](void *p, std::size_t, std::align_val_t) { ::operator delete(p); }},
	{"_ZdaPv", false, false, [](void *p, std::size_t, std::align_val_t) { ::operator delete[](p); }},
	{"_ZdlPvRKSt9nothrow_t", false, false,
	 [](void *p, std::size_t, std::align_val_t) { ::operator delete(p, std::nothrow); }},
	{"_ZdaPvRKSt9nothrow_t", false, false,
	 [](void *p, std::size_t, std::align_val_t) { ::operator delete[](p, std::nothrow); }},
	{"_ZdlPvm", false, true, [](void *p, std::size_t n, std::align_val_t) { ::operator delete(p, n); }},
	{"_ZdaPvm", false, true, [](void *p, std::size_t n, std::align_val_t) { ::operator delete[](p, n); }},
	{"_ZdlPvSt11align_val_t", true, false, [](void *p, std::size_t, std::align_val_t a) { ::operator delete(p, a); }},
	{"_ZdaPvSt11align_val_t", true, false,
	 [](void *p, std::size_t, std::align_val_t a) { ::operator delete[](p, a); }},
	{"_ZdlPvSt11align_val_tRKSt9nothrow_t", true, false,
	 [](void *p, std::size_t, std::align_val_t a) { ::operator delete(p, a, std::nothrow); }},
	{"_ZdaPvSt11align_val_tRKSt9nothrow_t", true, false,
	 [](void *p, std::size_t, std::align_val_t a) { ::operator delete[](p, a, std::nothrow); }},
	{"_ZdlPvmSt11align_val_t", true, true,
	 [](void *p, std::size_t n, std::align_val_t a) { ::operator delete(p, n, a); }},
	{"_ZdaPvmSt11align_val_t", true, true,
	 [](void *p, std::size_t n, std::align_val_t a) { ::operator delete[](p, n, a); }},
};

static_assert(sizeof(allocates) / sizeof(*allocates) + sizeof(releases) / sizeof(*releases) == 20);

// The delete that a new expression of the same kind would use.
inline const release &release_for(const allocate &a) { return releases[a.aligned ? 6 : 0]; }

#endif
