/*
 * report.h - what the library says on standard error: one line, no stdio, no allocation; then the process stops.
 *
 *      libmalloc: <kind>: <address> (<function>)
 *
 * Each kind is one fixed text, which a program in tests/misuse/ matches word for word.
 */
#ifndef LM_BASE_REPORT_H
#define LM_BASE_REPORT_H

#include "base/compiler.h"

#define REPORT_DOUBLE_FREE "double free"
#define REPORT_INTERIOR "interior pointer"
#define REPORT_MISALIGNED "misaligned pointer"
#define REPORT_NEVER_ALLOCATED "pointer never allocated"
#define REPORT_STACK "pointer into the stack"

/* An argument that no call can serve: EINVAL. The subject says which, what is right, and the function. */
#define REPORT_BAD_ARGUMENT "bad argument"
#define REPORT_BAD_FLAGS "bad flags"

/* An allocation has failed that was not told to be silent about it. */
#define REPORT_OUT_OF_MEMORY "out of memory"

/* A pointer handed to `function` (the entry point's name) is bad in the way that `kind` says. Does not return. */
_Noreturn cold void report_bad_pointer(const char *kind, const void *pointer, const char *function);

/* An invariant of ours does not hold: a bug here or a stray write into our data. Does not return. */
_Noreturn cold void report_internal(const char *what);

/* Something the user should know and that stops nothing: "libmalloc: <what>: <subject>" */
cold void report_warning(const char *what, const char *subject);

#endif
