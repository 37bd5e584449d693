/*
 * pointer.h - pointers that are not the start of a live block of ours: from libc's own allocator, or bad.
 *
 * A bad pointer is never dereferenced. One from libc (allocated before this library was there, or by a library bound to
 * libc's own malloc) goes back to libc.
 */
#ifndef LM_MALLOC_POINTER_H
#define LM_MALLOC_POINTER_H

#include "base/compiler.h"
#include "slab/size_class.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True if an object of the class begins at the pointer, which lies in a slab of that class. */
static inline bool object_begins(const void *pointer, unsigned size_class)
{
	const struct size_class *class = &size_classes[size_class];
	uint32_t offset = (uint32_t)(uintptr_t)pointer & (((uint32_t)4096 << class->order) - 1);
	return size_class_begins(class, offset);
}

/*
 * True if libc's own allocator owns the pointer. What the address is now decides: a block of ours that lives and memory
 * that we keep free are never libc's, and what was ours once may be. No lock is held.
 */
cold bool pointer_is_of_libc(const void *pointer);

/* Says what is wrong with the pointer and aborts. No lock is held. */
_Noreturn cold void pointer_report(const void *pointer, const char *function);

/* Asks libc's own allocator if the pointer is from there; else reports it. */
cold void pointer_free_foreign(void *pointer, const char *function);
cold void *pointer_realloc_foreign(void *pointer, size_t bytes, const char *function);
cold size_t pointer_usable_foreign(void *pointer, const char *function);

#endif
