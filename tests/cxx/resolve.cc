// Each of the 20 operators, asked for by name, is the one in the file that the first argument names.

#include "check.h"
#include "operators.h"

#include <climits>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <initializer_list>

static char expected[PATH_MAX];

static void check_symbol(const char *symbol)
{
	char actual[PATH_MAX];
	Dl_info info;
	void *address = dlsym(RTLD_DEFAULT, symbol);
	if (!CHECK(address != nullptr) || !CHECK(dladdr(address, &info) != 0) ||
	    !CHECK(realpath(info.dli_fname, actual) != nullptr))
		return;
	if (!CHECK(std::strcmp(actual, expected) == 0))
		std::printf("  %s is in %s\n", symbol, actual);
}

int main(int argc, char **argv)
{
	if (argc < 2 || !realpath(argv[1], expected))
		return 2;
	// The calls make a static link take every operator in; in a dynamic one they bind as those of any program.
	for (const allocate &a : allocates)
		for (const release &r : releases)
			if (a.aligned == r.aligned)
				r.call(a.call(24, std::align_val_t(32)), 24, std::align_val_t(32));
	if (std::strcmp(argv[1], "/dev/null") == 0)
		return verdict();

	for (const allocate &a : allocates)
		check_symbol(a.symbol);
	for (const release &r : releases)
		check_symbol(r.symbol);
	for (const char *symbol : {"malloc", "free", "calloc", "realloc", "aligned_alloc", "malloc_usable_size"})
		check_symbol(symbol);
	return verdict();
}
