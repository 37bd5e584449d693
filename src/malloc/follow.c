/*
 * follow.c - see follow.h.
 */
#define _GNU_SOURCE
#include "malloc/follow.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>

/* Weak: a static program may have no dynamic linker, and its malloc has one address. */
#pragma weak dladdr1
#pragma weak dlclose
#pragma weak dlopen
#pragma weak dlsym

/* Weak too, or clang takes two different names for two different functions and folds the comparison. */
extern void *own_malloc(size_t bytes) __attribute__((weak));

/* Written by the constructor alone. Relaxed. */
static _Atomic bool jump_is_bound;

bool follow_is_bound(void)
{
	return likely((uintptr_t)malloc == (uintptr_t)own_malloc) ||
	       atomic_load_explicit(&jump_is_bound, memory_order_relaxed);
}

static struct link_map *object_of(const void *address)
{
	Dl_info unused;
	struct link_map *object = NULL;
	return dladdr1(address, &unused, (void **)&object, RTLD_DL_LINKMAP) != 0 ? object : NULL;
}

/* Not defined where it is, but a jump to the definition. */
static bool is_jump(const void *address)
{
	Dl_info unused;
	const ElfW(Sym) *symbol = NULL;
	return dladdr1(address, &unused, (void **)&symbol, RTLD_DL_SYMENT) != 0 && symbol != NULL &&
	       symbol->st_shndx == SHN_UNDEF;
}

static bool defines_malloc(struct link_map *object)
{
	void *handle = dlopen(object->l_name, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return false;
	void *found = dlsym(handle, "malloc");
	dlclose(handle);
	return found != NULL && object_of(found) == object;
}

/* Where the executable stands: first in the list. */
static bool is_executable(const struct link_map *object) { return object->l_prev == NULL; }

/* The loader binds the jump to the first definition behind the executable. */
void follow_find_out(void)
{
	if (follow_is_bound() || dladdr1 == NULL || dlopen == NULL || !is_jump((const void *)malloc))
		return;
	struct link_map *object = object_of((const void *)own_malloc);
	if (object == NULL)
		return;
	struct link_map *before = object->l_prev;
	while (before != NULL && !is_executable(before) && !defines_malloc(before))
		before = before->l_prev;
	atomic_store_explicit(&jump_is_bound, before != NULL && is_executable(before), memory_order_relaxed);
}
