// How the programs here judge: CHECK prints what is not true and goes on; main ends with verdict().

#ifndef LM_TESTS_CXX_CHECK_H
#define LM_TESTS_CXX_CHECK_H

#include <atomic>
#include <cstdio>

inline std::atomic<int> failures{0};

#define CHECK(condition) check((condition), #condition, __FILE__, __LINE__)

inline bool check(bool holds, const char *what, const char *file, int line)
{
	if (!holds && failures++ < 20)
		std::printf("%s:%d: not true: %s\n", file, line, what);
	return holds;
}

inline int verdict() { return failures != 0; }

#endif
