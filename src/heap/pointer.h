/*
 * pointer.h - pointers at which no live block of ours begins: from libc's own allocator, or bad.
 *
 * A bad pointer is never dereferenced. A pointer from libc goes back to libc: it was allocated before this library was
 * there, or by a library that is bound to libc's own malloc.
 */
#ifndef LM_HEAP_POINTER_H
#define LM_HEAP_POINTER_H

#include "base/compiler.h"
#include "page/pagemap.h"
#include "slab/size_class.h"

/* True if an object of the class begins at the pointer, which lies in a slab of that class. */
static inline bool object_begins(const void *pointer, unsigned size_class)
{
	const struct size_class *class = &size_classes[size_class];
	uint32_t offset = (uint32_t)(uintptr_t)pointer & (((uint32_t)PAGE_BYTES << class->order) - 1);
	return size_class_begins(class, offset);
}

/*
 * True if libc's own allocator owns the pointer. What the address is now decides: a live block of ours and memory that
 * we keep free are never libc's, but memory that went back to the system may be. No lock is held.
 */
cold bool pointer_is_of_libc(const void *pointer);

/* Says what is wrong with the pointer and aborts. No lock is held. */
_Noreturn cold void pointer_report(const void *pointer, const char *function);

/* Returns if libc's own allocator owns the pointer; else reports it: a block that was freed as `freed`. */
cold void pointer_check_libc(const void *pointer, const char *freed, const char *function);

#endif
