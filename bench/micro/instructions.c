/* instructions.c - see instructions.h. */
#include "instructions.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

void instructions_open(struct instructions *instructions)
{
	struct perf_event_attr event = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof event,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	instructions->file = (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t value(const struct instructions *instructions)
{
	uint64_t count;
	if (instructions->file < 0 || read(instructions->file, &count, sizeof count) != sizeof count)
		return 0;
	return count;
}

void instructions_begin(struct instructions *instructions) { instructions->begin = value(instructions); }

void instructions_end(struct instructions *instructions) { instructions->end = value(instructions); }

bool instructions_read(const struct instructions *instructions, uint64_t *count)
{
	*count = instructions->end - instructions->begin;
	return *count != 0;
}
