/*
 * thread_exit.h - the key by which a thread's end is told.
 */
#ifndef LM_CONTROL_THREAD_EXIT_H
#define LM_CONTROL_THREAD_EXIT_H

/* Makes the key if there is none yet, and if the program has left one: before it can take them all. */
void thread_exit_make_key(void);

#endif
