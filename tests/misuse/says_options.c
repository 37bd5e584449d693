// says: libmalloc: LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range (see libmalloc(3)): top_pad
// says: libmalloc: LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range (see libmalloc(3)): no_option=1
// says: libmalloc: LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range (see libmalloc(3)): merge_caches=2
// says: libmalloc: LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range (see libmalloc(3)): deepbind=yes
// says: libmalloc: LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range (see libmalloc(3)): perturb=1k
// says: libmalloc: LIBMALLOC_OPTIONS: not name=value with a known name and a number in its range (see libmalloc(3)): aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
#include "misuse.h"

#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

int main(int argc, char **argv)
{
	if (argc == 2)
		return 0;
	setenv("LIBMALLOC_OPTIONS", ",,top_pad,,no_option=1,top_pad=5,merge_caches=2,deepbind=yes,perturb=1k," LONG, 1);
	/* These are skipped without a word. */
	setenv("MALLOC_TOP_PAD_", "much", 1);
	setenv("GLIBC_TUNABLES", "glibc.malloc.top_pad=much", 1);
	return execl("/proc/self/exe", argv[0], "again", NULL);
}
