/* huge.c - see huge.h. After the kernel's Documentation/admin-guide/mm/transhuge.rst and madvise(2). */
#include "page/huge.h"

#include "base/settings.h"
#include "os/map.h"
#include "page/pagemap.h"

/* The kernel has no huge pages. A hint, relaxed. */
static _Atomic bool is_refused;

static bool heap_is_large(void)
{
	return zone_used_pages() >= load_relaxed(&settings.huge_page_threshold) >> PAGE_SHIFT &&
	       os_page_size() == PAGE_BYTES && !load_relaxed(&is_refused);
}

/* Only the slab's pages are the caller's: meanwhile the break may go down over the others, and unmap some of them. */
static cold void make_huge(void *address)
{
	size_t bytes = HUGE_PAGES << PAGE_SHIFT;
	enum os_advice advice = os_advise_huge(address, bytes, OS_HUGE);
	if (advice == OS_ADVICE_UNKNOWN) {
		store_relaxed(&is_refused, true);
		return;
	}
	if (advice == OS_ADVISED)
		*(volatile char *)address = 0;
	os_advise_huge(address, bytes, OS_HUGE_NOT);
}

void huge_begin(const struct page_run *run)
{
	if (unlikely(run->begins_huge) && heap_is_large())
		make_huge((void *)(run->page << PAGE_SHIFT));
}
