/*
 * follow.c - see follow.h.
 */
#define _GNU_SOURCE
#include "malloc/follow.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

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

/* The last definition of malloc between the executable and ours; the executable where there is none. */
static struct link_map *definer_before_ours(void)
{
	struct link_map *object = object_of((const void *)own_malloc);
	if (object == NULL || is_executable(object))
		return object;
	do
		object = object->l_prev;
	while (!is_executable(object) && !defines_malloc(object));
	return object;
}

/* The loader binds a jump of the executable's to the first definition behind it. */
enum follow follow_find_out(void)
{
	if (follow_is_bound())
		return FOLLOW_OURS;
	if (dladdr1 == NULL || dlopen == NULL)
		return FOLLOW_OTHER;
	bool jumps = is_jump((const void *)malloc);
	struct link_map *definer = jumps ? definer_before_ours() : object_of((const void *)malloc);
	bool jumps_to_ours = jumps && definer != NULL && is_executable(definer);
	atomic_store_explicit(&jump_is_bound, jumps_to_ours, memory_order_relaxed);
	if (jumps_to_ours)
		return FOLLOW_OURS;
	return definer != NULL && definer == object_of((const void *)sbrk) ? FOLLOW_LIBC : FOLLOW_OTHER;
}
