/*
 * object_check.h - LM_CACHE_POISON and LM_CACHE_RED_ZONE: the kernel's bytes and rules.
 *
 *      a free object     0x6b 0x6b ... 0x6b 0xa5
 *      the red zones     0xcc
 */
#ifndef LM_OBJECT_OBJECT_CHECK_H
#define LM_OBJECT_OBJECT_CHECK_H

#include "object/object_kind.h"

/* Fills a slot that was just made. */
cold void object_check_made(const struct object_kind *kind, const struct size_class *class, void *slot);

/* Checks a slot on its way out, or back; reports damage, with the name of the program's function. */
cold void object_check_taken(unsigned id, void *slot, const char *function);
cold void object_check_freed(unsigned id, void *slot, const char *function);

#endif
