/* Included ahead of every file of glibc's test suite: what glibc's build gives them and installed headers do not. */

#ifndef LM_TESTS_GLIBC_GLUE_H
#define LM_TESTS_GLIBC_GLUE_H

#include <limits.h>

#define attribute_hidden
#define libc_hidden_proto(name)
#define libc_hidden_def(name)

#endif
