/* flags.c - see flags.h. */
#include "heap/flags.h"

#include "os/clock.h"
#include "os/report.h"

/* Constant. Invariant: `flag` is one bit, and no flag stands twice. */
struct flag {
	const char *name;
	unsigned flag;
	unsigned excludes;
};

/* Each pair stands at its first flag: in the order of libmalloc/flags.h, that is how they are reported. */
static const struct flag flag_table[] = {
	{"LM_ZERO", LM_ZERO, 0},
	{"LM_NOSYSCALL", LM_NOSYSCALL, FLAGS_EXCLUDE_NOSYSCALL},
	{"LM_NORETRY", LM_NORETRY, FLAGS_EXCLUDE_NORETRY},
	{"LM_NOFAIL", LM_NOFAIL, 0},
	{"LM_NOWARN", LM_NOWARN, 0},
	{"LM_DMA32", LM_DMA32, 0},
	{"LM_COLD", LM_COLD, 0},
	{"LM_HUGE", LM_HUGE, FLAGS_EXCLUDE_HUGE},
};

enum { FLAG_COUNT = sizeof(flag_table) / sizeof(flag_table[0]), WARN_INTERVAL_US = 1000000 };

static const struct flag *flag_of(unsigned flag)
{
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (flag_table[i].flag == flag)
			return &flag_table[i];
	return NULL;
}

static unsigned lowest(unsigned flags) { return flags & (0 - flags); }

static void report_useless(unsigned flag, const char *function)
{
	const struct flag *known = flag_of(flag);
	if (known != NULL)
		report_warning(REPORT_BAD_FLAGS ": %s cannot be used with this function (%s)", known->name, function);
	else
		report_warning(REPORT_BAD_FLAGS ": 0x%zx is not a flag (%s)", (size_t)flag, function);
}

static void report_conflict(unsigned flags, const char *function)
{
	const struct flag *flag = flag_table;
	while ((flags & flag->flag) == 0 || (flags & flag->excludes) == 0)
		flag++;
	report_warning(REPORT_BAD_FLAGS ": %s excludes %s (%s)", flag->name,
		       flag_of(lowest(flags & flag->excludes))->name, function);
}

void flags_report(unsigned flags, unsigned of_use, const char *function)
{
	if ((flags & ~of_use) != 0)
		report_useless(lowest(flags & ~of_use), function);
	else
		report_conflict(flags, function);
	errno = EINVAL;
}

void *refuse(const char *function, const char *sentence)
{
	report_warning(REPORT_BAD_ARGUMENT ": %s (%s)", sentence, function);
	errno = EINVAL;
	return NULL;
}

/* True at most once in WARN_INTERVAL_US, for one thread. Without a clock: true once. `next` is relaxed. */
static bool may_warn(void)
{
	static _Atomic uint64_t next;
	uint64_t now = os_clock_us();
	uint64_t due = load_relaxed(&next);
	return now >= due && replace_atomic(&next, &due, now + WARN_INTERVAL_US, memory_order_relaxed);
}

void *out_of_memory(const char *function, size_t bytes, unsigned flags)
{
	if ((flags & (LM_NOSYSCALL | LM_NOWARN)) == 0 && may_warn())
		report_warning(REPORT_OUT_OF_MEMORY ": %zu bytes (%s)", bytes, function);
	errno = (flags & LM_NOSYSCALL) != 0 ? EAGAIN : ENOMEM;
	return NULL;
}
