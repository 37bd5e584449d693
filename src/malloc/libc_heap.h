/*
 * libc_heap.h - libc's own allocator beside ours: is a pointer from there, and then its own functions.
 */
#ifndef LM_MALLOC_LIBC_HEAP_H
#define LM_MALLOC_LIBC_HEAP_H

#include <stdbool.h>
#include <stddef.h>

/* True if libc's allocator is in use and the pointer looks like a live chunk of it. Reads only mapped memory. */
bool libc_heap_owns(const void *pointer);

void libc_heap_free(void *pointer);
void *libc_heap_realloc(void *pointer, size_t bytes);
size_t libc_heap_usable(void *pointer);

#endif
