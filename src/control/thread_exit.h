/*
 * thread_exit.h - the key by which a thread's end is told.
 */
#ifndef LM_CONTROL_THREAD_EXIT_H
#define LM_CONTROL_THREAD_EXIT_H

/* Makes the key, unless there is one or the program has taken all keys. So it is to be called early. */
void thread_exit_make_key(void);

#endif
