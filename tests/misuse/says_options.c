// says: libmalloc: LIBMALLOC_OPTIONS: top_pad: must be name=value
// says: libmalloc: LIBMALLOC_OPTIONS: no_option=1: unknown name
// says: libmalloc: LIBMALLOC_OPTIONS: merge_caches=2: must be 0 to 1
// says: libmalloc: LIBMALLOC_OPTIONS: deepbind=yes: not a number
// says: libmalloc: LIBMALLOC_OPTIONS: perturb=1k: not a number
// says: libmalloc: LIBMALLOC_OPTIONS: perturb=256: must be 0 to 255
// says: libmalloc: LIBMALLOC_OPTIONS: top_pad=18446744073709551616: must be 0 to 18446744073709551615
// says: libmalloc: LIBMALLOC_OPTIONS: a?b=1??2: unknown name
// says: libmalloc: LIBMALLOC_OPTIONS: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: must be name=value
#include "misuse.h"

#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

int main(int argc, char **argv)
{
	if (argc == 2)
		return 0;
	setenv("LIBMALLOC_OPTIONS", ",,top_pad,,no_option=1,top_pad=5,merge_caches=2,deepbind=yes,perturb=1k,"
	       "perturb=256,top_pad=18446744073709551616,a\033b=1\303\2512, \t mmap_max=7, ," LONG, 1);
	/* These are skipped without a word. */
	setenv("MALLOC_TOP_PAD_", "much", 1);
	setenv("GLIBC_TUNABLES", "glibc.malloc.top_pad=much", 1);
	return execl("/proc/self/exe", argv[0], "again", NULL);
}
