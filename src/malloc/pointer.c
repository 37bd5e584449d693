/*
 * pointer.c - see pointer.h. Everything here is rare, so it may look around: walk the page map, ask libc.
 */
#include "malloc/pointer.h"

#include "base/bits.h"
#include "base/report.h"
#include "large/large.h"
#include "large/run.h"
#include "large/store.h"
#include "malloc/libc_heap.h"
#include "os/areas.h"
#include "page/pagemap.h"
#include "page/zone.h"
#include "slab/slab.h"

#include <errno.h>

/* In the area of this frame. A thread's stack has a guard below, and another kind of area above. */
static bool in_stack(uintptr_t address) { return areas_join((uintptr_t)__builtin_frame_address(0), address); }

static bool in_live_block(uintptr_t address)
{
	return pagemap_class(address) != 0 || slab_of_objects(address) != NULL || large_around(address) != NULL ||
	       run_around(address);
}

/* In memory that we keep free now. */
static bool is_kept(uintptr_t address) { return zone_keeps_page(address >> PAGE_SHIFT) || store_keeps(address); }

/* In memory of ours that is free, or that went back to the system and may be anybody's now. */
static bool was_ours(uintptr_t address)
{
	return zone_page_was_used(address >> PAGE_SHIFT) || store_keeps(address) || store_unmapped(address);
}

bool pointer_is_of_libc(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	return !in_live_block(address) && !is_kept(address) && libc_heap_owns(pointer);
}

/* What is wrong with a pointer at which no block of ours begins; NULL where libc's allocator owns it. */
static const char *fault_of(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	/* This first: the rest may allocate, and so put a new block of ours there. */
	bool was = was_ours(address);
	if (in_live_block(address))
		return address % CLASS_GRAIN_BYTES != 0 ? REPORT_MISALIGNED : REPORT_INTERIOR;
	if (!is_kept(address) && libc_heap_owns(pointer))
		return NULL;
	if (was)
		return REPORT_DOUBLE_FREE;
	return in_stack(address) ? REPORT_STACK : REPORT_NEVER_ALLOCATED;
}

_Noreturn void pointer_report(const void *pointer, const char *function)
{
	const char *fault = fault_of(pointer);
	report_bad_pointer(fault != NULL ? fault : REPORT_NEVER_ALLOCATED, pointer, function);
}

/*
 * Other threads change the page map while it is searched, and a look may see one block's place with another one's
 * length. So a pointer is reported only if two looks find it bad.
 */
static void report_unless_foreign(const void *pointer, const char *function)
{
	const char *fault = fault_of(pointer);
	if (fault != NULL && !pointer_is_of_libc(pointer))
		report_bad_pointer(fault, pointer, function);
}

void pointer_free_foreign(void *pointer, const char *function)
{
	int saved = errno;
	report_unless_foreign(pointer, function);
	libc_heap_free(pointer);
	errno = saved;
}

void *pointer_realloc_foreign(void *pointer, size_t bytes, const char *function)
{
	report_unless_foreign(pointer, function);
	return libc_heap_realloc(pointer, bytes);
}

size_t pointer_usable_foreign(void *pointer, const char *function)
{
	report_unless_foreign(pointer, function);
	return libc_heap_usable(pointer);
}
