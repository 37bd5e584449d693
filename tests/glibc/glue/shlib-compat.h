/* Old symbol versions by name. Only GLIBC_2_0 is asked for, which stands for the oldest version of a port. */

#ifndef LM_TESTS_GLIBC_SHLIB_COMPAT_H
#define LM_TESTS_GLIBC_SHLIB_COMPAT_H

#if defined __x86_64__
#define LM_OLDEST_VERSION "GLIBC_2.2.5"
#elif defined __aarch64__
#define LM_OLDEST_VERSION "GLIBC_2.17"
#else
#define LM_OLDEST_VERSION "GLIBC_2.0"
#endif

#define compat_symbol_reference(library, local, symbol, version) \
	__asm__(".symver " #local ", " #symbol "@" LM_OLDEST_VERSION)

#endif
