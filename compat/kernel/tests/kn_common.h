/*
 * The tutorial's module (student.c) includes a header of the tutorial, of which it uses only print_current_time. The
 * tutorial's function prints the time of day. This one prints a fixed word, so that each run has the same output.
 */
#ifndef KN_COMMON_H
#define KN_COMMON_H

static inline void print_current_time(int is_new_line)
{
	printk(is_new_line ? KERN_ALERT "now\n" : KERN_ALERT "now ");
}

#endif
