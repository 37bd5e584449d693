/* settings.c - the defaults: glibc's, so that a program tuned for it finds what it expects. */
#include "base/settings.h"

enum { KIB = 1024 };

struct settings settings = {
	.mmap_threshold = 128 * KIB,
	.trim_threshold = 128 * KIB,
	.top_pad = 128 * KIB,
	.mmap_max = 65536,
	.adaptive_trim = 1,
	.huge_page_threshold = 32 * 1024 * KIB,
};
