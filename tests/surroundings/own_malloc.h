/* own_malloc.h - between the executables that bring their own malloc and the libraries beside them. */
#ifndef OWN_MALLOC_H
#define OWN_MALLOC_H
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The executable's: calls of its malloc so far, and the bytes it gave a block. */
unsigned long own_malloc_calls(void);
size_t own_malloc_room(void *p);

/* Ends a block of the aligned functions, which may not be the executable's. */
void own_malloc_end_aligned(void *p);

/* Whether the executable's free may have what its aligned functions return: so operator delete can end such a block. */
extern const int own_malloc_frees_aligned;

/* The libraries'. */
void own_malloc_run(void);
void own_malloc_cxx(void);

#ifdef __cplusplus
}
#endif

#endif
