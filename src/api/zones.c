/*
 * zones.c - see zones.h.
 */
#include "api/zones.h"

static const char *const names[ZONE_COUNT] = {
	[ZONE_HEAP] = "Normal",
	[ZONE_MAPPED] = "Movable",
	[ZONE_DMA32] = "DMA32",
};
_Static_assert(ZONE_COUNT == 3, "each zone has a name here");

const enum zone_id zone_order[ZONE_COUNT] = {ZONE_DMA32, ZONE_HEAP, ZONE_MAPPED};

struct zone_numbers zone_numbers(enum zone_id id)
{
	struct zone *zone = &zones[id];
	struct zone_numbers now = {.free = 0};
	lock_acquire(&zone->lock, RANK_ZONE);
	for (unsigned state = 0; state < BUDDY_STATES; state++)
		for (unsigned order = 0; order < BUDDY_ORDERS; order++)
			now.blocks[order] += zone->buddy.list[state][order].blocks;
	now.free = zone->buddy.free_pages;
	now.dirty = zone->buddy.dirty_pages;
	now.isolated = zone->detached_pages;
	now.managed = zone->total_pages;
	now.used = now.managed - now.free - now.isolated;
	now.first = zone->span_first;
	zone_unlock(zone);
	return now;
}

void zone_add_title(struct text *text, enum zone_id id)
{
	text_add(text, "Node 0, zone ");
	text_add_right(text, names[id], 8);
}
