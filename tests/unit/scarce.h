/*
 * scarce.h - a call made again and again while there is a little more memory each time: it fails at each of its steps.
 */
#ifndef LM_TESTS_UNIT_SCARCE_H
#define LM_TESTS_UNIT_SCARCE_H

#include "unit.h"

#include "page/meta.h"
#include "page/pagemap.h"

#include <errno.h>
#include <sys/resource.h>

/* From now on the process may map and raise the break by so many pages together; SIZE_MAX: as it was before. */
static inline void allow_pages(size_t npages)
{
	static struct rlimit before;
	struct rlimit now;
	if (before.rlim_max == 0)
		check(getrlimit(RLIMIT_AS, &before) == 0);
	now = before;
	if (npages != SIZE_MAX)
		now.rlim_cur = (address_space_pages() + npages) * PAGE_BYTES;
	check(setrlimit(RLIMIT_AS, &now) == 0);
}

/* Leaves the library's own memory no more than what frees bring back: it must map for the next piece. */
static inline void use_up_meta(void)
{
	static const size_t sizes[] = {8192, 4096, 1024, 512, 256, 192, 128, 64};
	allow_pages(0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		while (meta_alloc(sizes[i]) != NULL)
			continue;
	allow_pages(SIZE_MAX);
}

/*
 * `attempt` returns whether it succeeded, and undoes it then. With 0, 1, 2 ... pages to be had it fails until it
 * succeeds, with ENOMEM, and `is_as_before` holds after each. How often it failed.
 */
static inline size_t fail_at_each_step(bool (*attempt)(void), bool (*is_as_before)(void))
{
	for (size_t npages = 0; npages < 100000; npages++) {
		allow_pages(npages);
		errno = 0;
		bool succeeded = attempt();
		int error = errno;
		allow_pages(SIZE_MAX);
		check(is_as_before());
		if (succeeded)
			return npages;
		check(error == ENOMEM);
	}
	unit_fail("it succeeds with 400 MB", __FILE__, __LINE__);
}

#endif
