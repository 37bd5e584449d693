/*
 * libmalloc/module.h - what a kernel module uses besides the allocator, so that it compiles and runs as a program: main
 * calls the function of module_init, and then that of module_exit. libmalloc-kernel(3).
 *
 * printk writes to standard error, without the level. None of these names allocates memory.
 */
#ifndef LIBMALLOC_MODULE_H
#define LIBMALLOC_MODULE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t s8;
typedef int16_t s16;
typedef int32_t s32;
typedef int64_t s64;

#define __init
#define __exit
#define __initdata
#define __user
#define __force
#define __must_check __attribute__((warn_unused_result))

#define KERN_SOH "\001" /* the first byte of a level; a digit or letter follows */
#define KERN_EMERG KERN_SOH "0"
#define KERN_ALERT KERN_SOH "1"
#define KERN_CRIT KERN_SOH "2"
#define KERN_ERR KERN_SOH "3"
#define KERN_WARNING KERN_SOH "4"
#define KERN_NOTICE KERN_SOH "5"
#define KERN_INFO KERN_SOH "6"
#define KERN_DEBUG KERN_SOH "7"
#define KERN_CONT KERN_SOH "c"

/* printk - writes to stderr, without the level. Formats: those of printf(3), without the kernel's own forms of %p. */
__attribute__((format(printf, 1, 2)))
static inline int printk(const char *format, ...)
{
	va_list arguments;
	int length;
	if (format[0] == KERN_SOH[0] && format[1] != '\0')
		format += 2;
	va_start(arguments, format);
	length = vfprintf(stderr, format, arguments);
	va_end(arguments);
	return length;
}

#ifndef pr_fmt
#define pr_fmt(format) format
#endif
#define pr_emerg(format, ...) printk(KERN_EMERG pr_fmt(format), ##__VA_ARGS__)
#define pr_alert(format, ...) printk(KERN_ALERT pr_fmt(format), ##__VA_ARGS__)
#define pr_crit(format, ...) printk(KERN_CRIT pr_fmt(format), ##__VA_ARGS__)
#define pr_err(format, ...) printk(KERN_ERR pr_fmt(format), ##__VA_ARGS__)
#define pr_warn(format, ...) printk(KERN_WARNING pr_fmt(format), ##__VA_ARGS__)
#define pr_notice(format, ...) printk(KERN_NOTICE pr_fmt(format), ##__VA_ARGS__)
#define pr_info(format, ...) printk(KERN_INFO pr_fmt(format), ##__VA_ARGS__)
#define pr_cont(format, ...) printk(KERN_CONT format, ##__VA_ARGS__)
#define pr_debug(format, ...) ((void)(0 && printk(KERN_DEBUG pr_fmt(format), ##__VA_ARGS__)))

/* BUG, WARN - print file and line. BUG then calls abort(3). The value of WARN_ON is whether the condition is true. */
#define BUG() (printk(KERN_CRIT "kernel BUG at %s:%d!\n", __FILE__, __LINE__), abort())
#define BUG_ON(condition) ((condition) ? BUG() : (void)0)
#define WARN_ON(condition) \
	({ \
		bool lm_module_warned = (condition) ? true : false; \
		if (lm_module_warned) \
			printk(KERN_WARNING "WARNING: at %s:%d\n", __FILE__, __LINE__); \
		lm_module_warned; \
	})

/* WARN - as WARN_ON, with a message. The forms with ONCE print only the first time. */
#define WARN(condition, format, ...) \
	({ \
		bool lm_module_said = WARN_ON(condition); \
		if (lm_module_said) \
			printk(KERN_WARNING format, ##__VA_ARGS__); \
		lm_module_said; \
	})
#define LM_MODULE_ONCE(condition, warn) \
	({ \
		static bool lm_module_is_said; \
		bool lm_module_holds = (condition) ? true : false; \
		if (lm_module_holds && !__atomic_exchange_n(&lm_module_is_said, true, __ATOMIC_RELAXED)) \
			(void)(warn); \
		lm_module_holds; \
	})
#define WARN_ON_ONCE(condition) LM_MODULE_ONCE(condition, WARN_ON(true))
#define WARN_ONCE(condition, format, ...) LM_MODULE_ONCE(condition, WARN(true, format, ##__VA_ARGS__))

/* BUILD_BUG_ON - a compiler error if the constant condition is true. */
#define BUILD_BUG_ON_MSG(condition, text) ((void)sizeof(char[1 - 2 * !!(condition)]))
#define BUILD_BUG_ON(condition) BUILD_BUG_ON_MSG(condition, "")

/* Errors as pointers: the highest MAX_ERRNO addresses, at which there is no memory. */
#define MAX_ERRNO 4095
#define IS_ERR_VALUE(value) ((unsigned long)(void *)(value) >= (unsigned long)-MAX_ERRNO)

static inline void *ERR_PTR(long error)
{
	return (void *)error;
}

static inline long PTR_ERR(const void *pointer)
{
	return (long)pointer;
}

static inline bool IS_ERR(const void *pointer)
{
	return IS_ERR_VALUE(pointer);
}

static inline bool IS_ERR_OR_NULL(const void *pointer)
{
	return pointer == NULL || IS_ERR(pointer);
}

static inline void *ERR_CAST(const void *pointer)
{
	return (void *)(uintptr_t)pointer;
}

static inline int PTR_ERR_OR_ZERO(const void *pointer)
{
	return IS_ERR(pointer) ? (int)PTR_ERR(pointer) : 0;
}

/* min_t, max_t, clamp_t - evaluate each argument once. */
#define LM_MODULE_CHOSEN(type, first, operator, second) \
	({ \
		__typeof__(type) lm_module_first = (first); \
		__typeof__(type) lm_module_second = (second); \
		lm_module_first operator lm_module_second ? lm_module_first : lm_module_second; \
	})
#define min_t(type, first, second) LM_MODULE_CHOSEN(type, first, <, second)
#define max_t(type, first, second) LM_MODULE_CHOSEN(type, first, >, second)
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)

/* min, max, clamp - two types become their common type; the kernel's do not compile then. C++ has std::min. */
#ifndef __cplusplus
#define min(first, second) min_t(1 ? (first) : (second), first, second)
#define max(first, second) max_t(1 ? (first) : (second), first, second)
#define clamp(value, low, high) min(max(value, low), high)
#endif

/* C++ has the attributes [[likely]] and [[unlikely]], which these macros would break. */
#ifndef __cplusplus
#define likely(condition) __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)
#endif

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define container_of(pointer, type, member) \
	((type *)((char *)(uintptr_t)(pointer) - offsetof(type, member)))

/* At file scope, each with a semicolon behind it: no effect. */
#define LM_MODULE_NOTHING struct lm_module_nothing
#define MODULE_LICENSE(text) LM_MODULE_NOTHING
#define MODULE_AUTHOR(text) LM_MODULE_NOTHING
#define MODULE_DESCRIPTION(text) LM_MODULE_NOTHING
#define MODULE_VERSION(text) LM_MODULE_NOTHING
#define MODULE_ALIAS(text) LM_MODULE_NOTHING
#define MODULE_PARM_DESC(name, text) LM_MODULE_NOTHING
#define EXPORT_SYMBOL(name) LM_MODULE_NOTHING
#define EXPORT_SYMBOL_GPL(name) LM_MODULE_NOTHING

/* module_param - no effect: nobody gives a program module parameters. The variable keeps its initial value. */
#define module_param(name, type, permissions) LM_MODULE_NOTHING
#define module_param_named(parameter, name, type, permissions) LM_MODULE_NOTHING
#define module_param_array(name, type, count, permissions) LM_MODULE_NOTHING

/* THIS_MODULE - NULL, as for code that is built into the kernel. */
struct module;
#define THIS_MODULE ((struct module *)NULL)

#ifdef __cplusplus
#define LM_MODULE_C extern "C"
#else
#define LM_MODULE_C extern
#endif

LM_MODULE_C void lm_module_exit(void) __attribute__((weak));

/*
 * module_init - defines main, so a program has one. If the function fails (its result is not 0), main prints the error
 * and the exit status is 1.
 */
#define module_init(function) \
	int main(void) \
	{ \
		int error = function(); \
		if (error != 0) { \
			printk(KERN_ERR "module_init: %s\n", strerror(error < 0 ? -error : error)); \
			return EXIT_FAILURE; \
		} \
		if (lm_module_exit != NULL) \
			lm_module_exit(); \
		return EXIT_SUCCESS; \
	} \
	LM_MODULE_NOTHING

#define module_exit(function) \
	void lm_module_exit(void) \
	{ \
		function(); \
	} \
	LM_MODULE_NOTHING

#endif
