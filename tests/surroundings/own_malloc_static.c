/* With own_malloc.c a static program whose malloc is complete: nothing of the archive is linked, and it works. */
#include "own_malloc.h"
#include "surroundings.h"
#include <malloc.h>

void own_malloc_run(void)
{
	char *line = NULL;
	size_t room = 0;
	void *aligned;
	FILE *file = fopen("/proc/self/status", "r");

	CHECK(file && getline(&line, &room, file) > 0 && own_malloc_room(line) >= room);
	fclose(file);
	free(line);
	CHECK(asprintf(&line, "%0500d", 7) == 500 && own_malloc_room(line) > 500);
	free(line);
	CHECK(posix_memalign(&aligned, 4096, 100) == 0 && (uintptr_t)aligned % 4096 == 0);
	CHECK(malloc_usable_size(aligned) == own_malloc_room(aligned));
	own_malloc_end_aligned(aligned);
	CHECK(own_malloc_calls() > 3);
}
