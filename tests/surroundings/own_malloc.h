/* own_malloc.h - between the two executables that bring their own malloc and the libraries beside them. */
#ifndef OWN_MALLOC_H
#define OWN_MALLOC_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The executable's: calls of its malloc so far, and the bytes it gave a block. */
unsigned long own_malloc_calls(void);
size_t own_malloc_room(void *p);

/* The libraries'. `served` is the largest alignment that must be served; above it NULL and ENOMEM will do. */
void own_malloc_run(size_t served);
void own_malloc_cxx(size_t served);

#ifdef __cplusplus
}
#endif

#endif
