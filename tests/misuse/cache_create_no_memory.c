// expect: out of memory (lm_cache_create)
#include "misuse.h"
#include <libmalloc.h>

int main(void)
{
	dprintf(STDOUT_FILENO, "widget\n");
	end_memory();
	for (int i = 0; i < 1000; i++)
		lm_cache_create("widget", 64, 0, LM_CACHE_NO_MERGE | LM_CACHE_PANIC, NULL, NULL);
}
