/*
 * huge.c - see huge.h. After the kernel's Documentation/admin-guide/mm/transhuge.rst and madvise(2).
 */
#include "page/huge.h"

#include "base/settings.h"
#include "os/map.h"
#include "os/page_size.h"
#include "page/pagemap.h"

/* The kernel has no huge pages. A hint, relaxed. */
static _Atomic bool is_refused;

static bool is_wanted(void)
{
	return zone_used_pages() >= setting(&settings.huge_page_threshold) >> PAGE_SHIFT &&
	       os_page_size() == PAGE_BYTES && !atomic_load_explicit(&is_refused, memory_order_relaxed);
}

/* Only the slab's pages are the caller's: the break may go down over the others meanwhile, and a part be unmapped. */
static noinline void make_huge(void *address)
{
	size_t bytes = HUGE_PAGES << PAGE_SHIFT;
	enum os_advice advice = os_advise_huge(address, bytes, OS_HUGE);
	if (advice == OS_ADVICE_UNKNOWN) {
		atomic_store_explicit(&is_refused, true, memory_order_relaxed);
		return;
	}
	if (advice == OS_ADVISED)
		*(volatile char *)address = 0;
	os_advise_huge(address, bytes, OS_HUGE_NOT);
}

void huge_begin(const struct page_run *run)
{
	if (unlikely(run->begins_huge) && is_wanted())
		make_huge((void *)(run->page << PAGE_SHIFT));
}
