/*
 * areas.c - see areas.h.
 */
#include "os/areas.h"

#include "base/syscall.h"

#include <fcntl.h>

static int next_byte(struct areas *areas)
{
	if (areas->next == areas->filled) {
		areas->filled = syscall3(SYS_read, areas->file, (long)areas->buffer, AREAS_READ_BYTES);
		areas->next = 0;
	}
	return areas->filled > 0 ? areas->buffer[areas->next++] : -1;
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

/* False where the list has no line. */
static bool open_file(struct areas *areas, const char *path)
{
	areas->next = 0;
	areas->file = syscall6(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
	if (syscall_failed(areas->file))
		return false;
	areas->filled = syscall3(SYS_read, areas->file, (long)areas->buffer, AREAS_READ_BYTES);
	if (areas->filled > 0)
		return true;
	areas_close(areas);
	return false;
}

/* When the first thread has ended, the list under its name is empty. */
bool areas_open(struct areas *areas)
{
	return open_file(areas, "/proc/self/maps") || open_file(areas, "/proc/thread-self/maps");
}

void areas_close(const struct areas *areas) { syscall3(SYS_close, areas->file, 0, 0); }

static bool holds(const struct area *area, uintptr_t address)
{
	return address >= area->start && address < area->end;
}

bool areas_join(uintptr_t one, uintptr_t other)
{
	struct areas areas;
	struct area area = {0, 0, false};
	if (!areas_open(&areas))
		return false;
	while (!holds(&area, one) && areas_next(&areas, &area))
		continue;
	areas_close(&areas);
	return holds(&area, one) && holds(&area, other);
}
