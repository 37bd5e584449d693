/*
 * zones.h - what lm_buddyinfo and lm_zoneinfo tell: a zone's name in the kernel's words, and its numbers at one moment.
 *
 *      ZONE_DMA32    DMA32      the zone below 4 GiB (LM_DMA32)
 *      ZONE_HEAP     Normal     the brk heap: what memory usually is
 *      ZONE_MAPPED   Movable    extents from mmap, where the break cannot be raised: the zone of last resort, as there
 *
 * Equation, at the moment of the copy: managed = free + isolated + used, free = the sum over blocks[k] << k.
 */
#ifndef LM_API_ZONES_H
#define LM_API_ZONES_H

#include "base/compiler.h"
#include "base/text.h"
#include "page/zone.h"

/* The order in which the kernel lists them. */
extern const enum zone_id zone_order[ZONE_COUNT] LM_HIDDEN;

/* In pages. */
struct zone_numbers {
	size_t blocks[BUDDY_ORDERS]; /* free ones of each order */
	size_t free;
	size_t dirty;    /* of the free ones */
	size_t isolated; /* being given back to the system at this moment */
	size_t used;
	size_t managed;
	uintptr_t first; /* page number; 0: the zone has no one range */
};

/* Takes zone.lock. */
struct zone_numbers zone_numbers(enum zone_id id);

/* "Node 0, zone   Normal" */
void zone_add_title(struct text *text, enum zone_id id);

#endif
