/*
 * buddyinfo.c - lm_buddyinfo (libmalloc/report.h): a line for each zone that has pages, as /proc/buddyinfo (proc(5)).
 *
 *      Node 0, zone   Normal      3      0      1 ...     2        free blocks of order 0, 1, 2 ... 10
 *
 * The columns are those of the kernel's frag_show_print; zones.h tells which zone is which.
 */
#include "api/zones.h"
#include "base/compiler.h"
#include "libmalloc/report.h"

static void add_zone(struct text *text, enum zone_id id)
{
	struct zone_numbers now = zone_numbers(id);
	if (now.managed == 0)
		return;
	zone_add_title(text, id);
	text_add(text, " ");
	for (unsigned order = 0; order < BUDDY_ORDERS; order++) {
		text_add_number(text, now.blocks[order], 6);
		text_add(text, " ");
	}
	text_add(text, "\n");
}

LM_EXPORT size_t lm_buddyinfo(char *buffer, size_t size)
{
	struct text text = text_begin(buffer, size);
	for (int i = 0; i < ZONE_COUNT; i++)
		add_zone(&text, zone_order[i]);
	return text_end(&text);
}
