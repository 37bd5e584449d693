/* areas.c - reads the lines of /proc/self/maps byte by byte. */
#include "os/areas.h"

#include "os/syscall.h"

static bool fill_buffer(struct areas *areas)
{
	areas->next = 0;
	areas->filled = syscall3(SYS_read, areas->file, (long)areas->buffer, AREAS_READ_BYTES);
	return areas->filled > 0;
}

/* -1: the list has ended, or cannot be read further. */
static int next_byte(struct areas *areas)
{
	return areas->next < areas->filled || fill_buffer(areas) ? areas->buffer[areas->next++] : -1;
}

static bool read_hex(struct areas *areas, uint64_t *number, char end)
{
	int byte = next_byte(areas);
	for (*number = 0; byte != end; byte = next_byte(areas)) {
		if (byte < '0')
			return false;
		*number = *number << 4 | (uint64_t)(byte <= '9' ? byte - '0' : byte - 'a' + 10);
	}
	return true;
}

bool areas_next(struct areas *areas, struct area *area)
{
	if (!read_hex(areas, &area->start, '-') || !read_hex(areas, &area->end, ' '))
		return false;
	area->is_stack = false;
	int byte = next_byte(areas);
	for (int before = 0; byte != '\n'; before = byte, byte = next_byte(areas)) {
		if (byte < 0)
			return false;
		area->is_stack |= before == '[' && byte == 's';
	}
	return true;
}

/* False if the list has no line. */
static bool open_list(struct areas *areas, const char *path)
{
	areas->file = syscall_open(path);
	if (syscall_failed(areas->file))
		return false;
	if (fill_buffer(areas))
		return true;
	areas_close(areas);
	return false;
}

/* After the end of the first thread, the list under its name is empty. */
bool areas_open(struct areas *areas)
{
	return open_list(areas, "/proc/self/maps") || open_list(areas, "/proc/thread-self/maps");
}

void areas_close(const struct areas *areas) { syscall3(SYS_close, areas->file, 0, 0); }

bool areas_join(uintptr_t one, uintptr_t other)
{
	struct areas areas;
	struct area area;
	bool is_there = false;
	if (!areas_open(&areas))
		return false;
	while (!is_there && areas_next(&areas, &area))
		is_there = one - area.start < area.end - area.start;
	areas_close(&areas);
	return is_there && other - area.start < area.end - area.start;
}
