/*
 * cxx.c - the twenty replaceable operator new and delete of C++ ([new.delete]), under their mangled names.
 *
 * Memory comes from the malloc of the process (follow.h). No C++ runtime is linked: what a failure asks for, calling the
 * new-handler and throwing std::bad_alloc, is done by the next operator new in line, the C++ library's own, which
 * calls malloc again first. A nothrow form has to catch what the handler throws, so it goes there too.
 *
 * Size and alignment given to delete are not needed; wrong ones do no harm.
 */
#define _GNU_SOURCE
#include "base/report.h"
#include "malloc/follow.h"
#include "malloc/heap.h"

#include <dlfcn.h>

struct nothrow;

/* Weak: a static program may have neither a dynamic linker nor a C++ library. */
#pragma weak dlsym
#pragma weak dlopen
extern void (*_ZSt15get_new_handlerv(void))(void) __attribute__((weak));
extern void _ZSt17__throw_bad_allocv(void) __attribute__((weak));

/* A C++ library that was opened late, for one plug-in alone, is found by its name only. */
static void *definition_in_library(const char *name)
{
	static const char *const libraries[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
		void *symbol = library == NULL ? NULL : dlsym(library, name);
		if (symbol != NULL)
			return symbol;
	}
	return NULL;
}

/* The definition behind ours, or NULL. */
static void *next_definition(const char *name)
{
	if (dlsym == NULL || dlopen == NULL)
		return NULL;
	void *next = dlsym(RTLD_NEXT, name);
	return next != NULL ? next : definition_in_library(name);
}

/* In a static program: what the C++ library's operator new would do. */
static void *handle_and_retry(size_t bytes, size_t alignment)
{
	void *block = NULL;
	while (block == NULL) {
		void (*handler)(void) = _ZSt15get_new_handlerv == NULL ? NULL : _ZSt15get_new_handlerv();
		if (handler != NULL)
			handler();
		else if (_ZSt17__throw_bad_allocv != NULL)
			_ZSt17__throw_bad_allocv();
		else
			report_internal("operator new: out of memory, and no C++ library to throw std::bad_alloc");
		block = alignment == 0 ? follow_malloc(bytes) : follow_aligned(alignment, bytes);
	}
	return block;
}

static cold void *new_failed(size_t bytes, const char *name)
{
	void *(*next)(size_t) = (void *(*)(size_t))next_definition(name);
	return next != NULL ? next(bytes) : handle_and_retry(bytes, 0);
}

static cold void *new_nothrow_failed(size_t bytes, const struct nothrow *tag, const char *name)
{
	void *(*next)(size_t, const struct nothrow *) =
		(void *(*)(size_t, const struct nothrow *))next_definition(name);
	return next != NULL ? next(bytes, tag) : NULL;
}

static cold void *new_aligned_failed(size_t bytes, size_t alignment, const char *name)
{
	void *(*next)(size_t, size_t) = (void *(*)(size_t, size_t))next_definition(name);
	return next != NULL ? next(bytes, alignment) : handle_and_retry(bytes, alignment);
}

static cold void *new_aligned_nothrow_failed(size_t bytes, size_t alignment, const struct nothrow *tag, const char *name)
{
	void *(*next)(size_t, size_t, const struct nothrow *) =
		(void *(*)(size_t, size_t, const struct nothrow *))next_definition(name);
	return next != NULL ? next(bytes, alignment, tag) : NULL;
}

#define NEW(symbol)                                                                              \
	LM_EXPORT void *symbol(size_t bytes);                                                    \
	LM_EXPORT void *symbol(size_t bytes)                                                     \
	{                                                                                        \
		void *block = follow_malloc(bytes);                                              \
		return likely(block != NULL) ? block : new_failed(bytes, #symbol); \
	}

#define NEW_NOTHROW(symbol)                                                                            \
	LM_EXPORT void *symbol(size_t bytes, const struct nothrow *tag);                               \
	LM_EXPORT void *symbol(size_t bytes, const struct nothrow *tag)                                \
	{                                                                                              \
		void *block = follow_malloc(bytes);                                                    \
		return likely(block != NULL) ? block : new_nothrow_failed(bytes, tag, #symbol); \
	}

#define NEW_ALIGNED(symbol)                                                                              \
	LM_EXPORT void *symbol(size_t bytes, size_t alignment);                                          \
	LM_EXPORT void *symbol(size_t bytes, size_t alignment)                                           \
	{                                                                                                \
		void *block = follow_aligned(alignment, bytes);                                          \
		return likely(block != NULL) ? block : new_aligned_failed(bytes, alignment, #symbol); \
	}

#define NEW_ALIGNED_NOTHROW(symbol)                                                                      \
	LM_EXPORT void *symbol(size_t bytes, size_t alignment, const struct nothrow *tag);               \
	LM_EXPORT void *symbol(size_t bytes, size_t alignment, const struct nothrow *tag)                \
	{                                                                                                \
		void *block = follow_aligned(alignment, bytes);                                          \
		return likely(block != NULL)                                                             \
			       ? block                                                                   \
			       : new_aligned_nothrow_failed(bytes, alignment, tag, #symbol); \
	}

/* operator new and new[]: plain, nothrow, aligned, aligned nothrow. */
NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)

#define DELETE(symbol, ...)                         \
	LM_EXPORT void symbol(void *pointer __VA_ARGS__); \
	LM_EXPORT void symbol(void *pointer __VA_ARGS__) { follow_free(pointer); }

#define WITH_SIZE , __attribute__((unused)) size_t bytes
#define WITH_ALIGNMENT , __attribute__((unused)) size_t alignment
#define WITH_TAG , __attribute__((unused)) const struct nothrow *tag

/* operator delete and delete[]: plain, nothrow, sized, and the same three aligned. */
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvRKSt9nothrow_t, WITH_TAG)
DELETE(_ZdaPvRKSt9nothrow_t, WITH_TAG)
DELETE(_ZdlPvm, WITH_SIZE)
DELETE(_ZdaPvm, WITH_SIZE)
DELETE(_ZdlPvSt11align_val_t, WITH_ALIGNMENT)
DELETE(_ZdaPvSt11align_val_t, WITH_ALIGNMENT)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, WITH_ALIGNMENT WITH_TAG)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, WITH_ALIGNMENT WITH_TAG)
DELETE(_ZdlPvmSt11align_val_t, WITH_SIZE WITH_ALIGNMENT)
DELETE(_ZdaPvmSt11align_val_t, WITH_SIZE WITH_ALIGNMENT)
