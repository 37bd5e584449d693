/* libc_heap.h - libc's own allocator beside ours: whether it owns a pointer, and its functions for one that it owns. */
#ifndef LM_HEAP_LIBC_HEAP_H
#define LM_HEAP_LIBC_HEAP_H

#include "base/compiler.h"

/* True if libc's allocator is in use and the pointer looks like a live chunk of it. Reads what a test found mapped. */
cold bool libc_heap_owns(const void *pointer);

cold void libc_heap_free(void *pointer);
cold void *libc_heap_realloc(void *pointer, size_t bytes);
cold size_t libc_heap_usable(void *pointer);

#endif
