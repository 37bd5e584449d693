/*
 * pointer.c - see pointer.h. Everything here is rare, so it may look around: walk the page map, ask libc.
 */
#define _GNU_SOURCE
#include "malloc/pointer.h"

#include "base/report.h"
#include "large/large.h"
#include "large/store.h"
#include "malloc/libc_heap.h"
#include "page/pagemap.h"
#include "page/zone.h"

#include <errno.h>
#include <pthread.h>

enum { ALIGNMENT = 16 };

static bool in_stack(const void *pointer)
{
	pthread_attr_t attributes;
	void *lowest;
	size_t bytes;
	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return false;
	bool known = pthread_attr_getstack(&attributes, &lowest, &bytes) == 0;
	pthread_attr_destroy(&attributes);
	return known && (uintptr_t)pointer - (uintptr_t)lowest < bytes;
}

static bool in_live_block(uintptr_t address)
{
	return pagemap_class(address) != 0 || large_around(address) != NULL;
}

static const char *kind_of(const void *pointer)
{
	uintptr_t address = (uintptr_t)pointer;
	if (in_live_block(address))
		return address % ALIGNMENT != 0 ? REPORT_MISALIGNED : REPORT_INTERIOR;
	if (zone_page_was_used(address >> PAGE_SHIFT) || store_remembers(address))
		return REPORT_DOUBLE_FREE;
	return in_stack(pointer) ? REPORT_STACK : REPORT_NEVER_ALLOCATED;
}

_Noreturn void pointer_report(const void *pointer, const char *function)
{
	report_bad_pointer(kind_of(pointer), pointer, function);
}

static bool is_foreign(const void *pointer)
{
	return !in_live_block((uintptr_t)pointer) && !in_stack(pointer) && libc_heap_owns(pointer);
}

void pointer_free_foreign(void *pointer, const char *function)
{
	int saved = errno;
	if (!is_foreign(pointer))
		pointer_report(pointer, function);
	libc_heap_free(pointer);
	errno = saved;
}

void *pointer_realloc_foreign(void *pointer, size_t bytes, const char *function)
{
	if (!is_foreign(pointer))
		pointer_report(pointer, function);
	return libc_heap_realloc(pointer, bytes);
}
