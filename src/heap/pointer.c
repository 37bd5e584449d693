/* pointer.c - see pointer.h. Everything here is rare, so it may look around: walk the page map, ask libc. */
#include "heap/pointer.h"

#include "heap/libc_heap.h"
#include "large/large.h"
#include "large/large_cache.h"
#include "large/run.h"
#include "os/areas.h"
#include "os/report.h"
#include "page/pagemap.h"
#include "page/zone.h"
#include "slab/slab.h"

/* True if the address lies in the kernel's area of this stack frame. A guard lies below a stack, another area above. */
static bool in_stack(uintptr_t address) { return areas_join((uintptr_t)__builtin_frame_address(0), address); }

static bool in_live_block(uintptr_t address)
{
	return pagemap_class(address) != 0 || slab_objects_id(address) != 0 || large_around(address) != NULL ||
	       run_around(address);
}

/* In memory of ours that is free now. */
static bool is_kept(uintptr_t address) { return zone_keeps_page(address >> PAGE_SHIFT) || large_cache_keeps(address); }

/* In memory of ours that is free, or that went back to the system and may be anybody's now. */
static bool was_ours(uintptr_t address)
{
	return zone_page_was_used(address >> PAGE_SHIFT) || large_cache_keeps(address) || large_cache_unmapped(address);
}

bool pointer_is_of_libc(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	return !in_live_block(address) && !is_kept(address) && libc_heap_owns(pointer);
}

/*
 * What is wrong with a pointer at which no block of ours begins: `freed` if one did. NULL: libc's allocator owns it.
 */
static const char *pointer_fault(const void *pointer, const char *freed)
{
	uintptr_t address = (uintptr_t)pointer;
	/* was_ours is asked first: what follows may allocate, and so put a new block of ours there. */
	bool was = was_ours(address);
	if (in_live_block(address))
		return address % CLASS_GRAIN_BYTES != 0 ? REPORT_MISALIGNED : REPORT_INTERIOR;
	if (!is_kept(address) && libc_heap_owns(pointer))
		return NULL;
	if (was)
		return freed;
	return in_stack(address) ? REPORT_STACK : REPORT_NEVER_ALLOCATED;
}

_Noreturn void pointer_report(const void *pointer, const char *function)
{
	const char *fault = pointer_fault(pointer, REPORT_DOUBLE_FREE);
	report_bad_pointer(fault != NULL ? fault : REPORT_NEVER_ALLOCATED, pointer, function);
}

/*
 * Other threads change the page map while it is searched, and a look may combine one block's place with another one's
 * length. So a pointer is reported only if two looks find it bad.
 */
void pointer_check_libc(const void *pointer, const char *freed, const char *function)
{
	const char *fault = pointer_fault(pointer, freed);
	if (fault != NULL && !pointer_is_of_libc(pointer))
		report_bad_pointer(fault, pointer, function);
}
