/*
 * page_size.c - read once from the auxiliary vector, which is there before any constructor (getauxval(3)).
 */
#include "os/page_size.h"

#include <stdatomic.h>
#include <sys/auxv.h>

size_t os_page_size(void)
{
	static _Atomic size_t known;
	size_t size = atomic_load_explicit(&known, memory_order_relaxed);
	if (size == 0) {
		size = getauxval(AT_PAGESZ);
		atomic_store_explicit(&known, size, memory_order_relaxed);
	}
	return size;
}
