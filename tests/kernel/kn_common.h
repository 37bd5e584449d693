/*
 * The author's kn_common.c is not in the document. Of it the module uses print_current_time, which told the time of
 * day: here a fixed word, so that the output is the same in every run.
 */
#ifndef KN_COMMON_H
#define KN_COMMON_H

static inline void print_current_time(int is_new_line)
{
	printk(is_new_line ? KERN_ALERT "now\n" : KERN_ALERT "now ");
}

#endif
