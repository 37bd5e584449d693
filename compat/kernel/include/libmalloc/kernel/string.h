/*
 * libmalloc/kernel/string.h - copies of strings and memory. Free them with kfree. libmalloc-kernel(3).
 */
#ifndef LIBMALLOC_KERNEL_STRING_H
#define LIBMALLOC_KERNEL_STRING_H

#include <libmalloc/kernel/kmalloc.h>

#include <stdarg.h>
#include <stdio.h>

static inline void *kmemdup(const void *source, size_t size, gfp_t gfp)
{
	void *copy = kmalloc(size, gfp);
	if (!ZERO_OR_NULL_PTR(copy))
		memcpy(copy, source, size);
	return copy;
}

static inline void *kmemdup_array(const void *source, size_t count, size_t size, gfp_t gfp)
{
	return kmemdup(source, size_mul(count, size), gfp);
}

/* kmemdup_nul - a copy of `length` bytes with a NUL after them. source NULL: NULL. */
static inline char *kmemdup_nul(const char *source, size_t length, gfp_t gfp)
{
	char *copy = source == NULL ? NULL : (char *)kmalloc(length + 1, gfp);
	if (copy == NULL)
		return NULL;
	memcpy(copy, source, length);
	copy[length] = '\0';
	return copy;
}

/* kstrdup, kstrndup - a copy of the string; kstrndup copies at most `max` bytes. string NULL: NULL. */
static inline char *kstrdup(const char *string, gfp_t gfp)
{
	return string == NULL ? NULL : kmemdup_nul(string, strlen(string), gfp);
}

static inline char *kstrndup(const char *string, size_t max, gfp_t gfp)
{
	const char *end = string == NULL ? NULL : (const char *)memchr(string, '\0', max);
	return kmemdup_nul(string, end == NULL ? max : (size_t)(end - string), gfp);
}

/* kstrdup_const - always a copy. The kernel returns a read-only string itself; here nobody knows which is. */
static inline const char *kstrdup_const(const char *string, gfp_t gfp)
{
	return kstrdup(string, gfp);
}

static inline void kfree_const(const void *block)
{
	kfree(block);
}

/* kvasprintf, kasprintf - formats are those of printf(3), without the kernel's own forms of %p. */
__attribute__((format(printf, 2, 0)))
static inline char *kvasprintf(gfp_t gfp, const char *format, va_list arguments)
{
	va_list again;
	char *string;
	int length;
	va_copy(again, arguments);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	string = length < 0 ? NULL : (char *)kmalloc((size_t)length + 1, gfp);
	if (string != NULL)
		vsnprintf(string, (size_t)length + 1, format, arguments);
	return string;
}

__attribute__((format(printf, 2, 3)))
static inline char *kasprintf(gfp_t gfp, const char *format, ...)
{
	va_list arguments;
	char *string;
	va_start(arguments, format);
	string = kvasprintf(gfp, format, arguments);
	va_end(arguments);
	return string;
}

#endif
