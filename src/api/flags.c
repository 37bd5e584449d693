/*
 * flags.c - see flags.h.
 */
#include "api/flags.h"

#include "base/report.h"
#include "base/text.h"
#include "os/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

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

enum { FLAG_COUNT = sizeof(flag_table) / sizeof(flag_table[0]), TEXT_BYTES = 160, WARN_INTERVAL_US = 1000000 };

static void add_function(struct text *text, const char *function)
{
	text_add(text, " (");
	text_add(text, function);
	text_add(text, ")");
}

static const struct flag *flag_of(unsigned flag)
{
	for (size_t i = 0; i < FLAG_COUNT; i++)
		if (flag_table[i].flag == flag)
			return &flag_table[i];
	return NULL;
}

static unsigned lowest(unsigned flags) { return flags & (0 - flags); }

static void add_useless(struct text *text, unsigned flag)
{
	const struct flag *known = flag_of(flag);
	if (known != NULL) {
		text_add(text, known->name);
		text_add(text, " is of no use here");
	} else {
		text_add_address(text, flag);
		text_add(text, " is no flag");
	}
}

static void add_conflict(struct text *text, unsigned flags)
{
	for (size_t i = 0; i < FLAG_COUNT; i++) {
		const struct flag *flag = &flag_table[i];
		if ((flags & flag->flag) == 0 || (flags & flag->excludes) == 0)
			continue;
		text_add(text, flag->name);
		text_add(text, " excludes ");
		text_add(text, flag_of(lowest(flags & flag->excludes))->name);
		return;
	}
}

void flags_report(unsigned flags, unsigned of_use, const char *function)
{
	char buffer[TEXT_BYTES];
	struct text text = text_begin(buffer, sizeof(buffer));
	if ((flags & ~of_use) != 0)
		add_useless(&text, lowest(flags & ~of_use));
	else
		add_conflict(&text, flags);
	add_function(&text, function);
	text_end(&text);
	report_warning(REPORT_BAD_FLAGS, buffer);
	errno = EINVAL;
}

void flags_report_argument(const char *what, const char *function)
{
	char buffer[TEXT_BYTES];
	struct text text = text_begin(buffer, sizeof(buffer));
	text_add(&text, what);
	add_function(&text, function);
	text_end(&text);
	report_warning(REPORT_BAD_ARGUMENT, buffer);
	errno = EINVAL;
}

/* The first call, and the first after each interval: one thread. The clock stands still where there is none: once. */
static bool may_warn(void)
{
	static _Atomic uint64_t next;
	uint64_t now = os_clock_us();
	uint64_t due = atomic_load_explicit(&next, memory_order_relaxed);
	return now >= due && atomic_compare_exchange_strong_explicit(&next, &due, now + WARN_INTERVAL_US,
								      memory_order_relaxed, memory_order_relaxed);
}

void flags_report_failure(size_t bytes, unsigned flags, const char *function)
{
	char buffer[TEXT_BYTES];
	struct text text = text_begin(buffer, sizeof(buffer));
	if ((flags & (LM_NOSYSCALL | LM_NOWARN)) == 0 && may_warn()) {
		text_add_number(&text, bytes, 0);
		text_add(&text, " bytes");
		add_function(&text, function);
		text_end(&text);
		report_warning(REPORT_OUT_OF_MEMORY, buffer);
	}
	errno = (flags & LM_NOSYSCALL) != 0 ? EAGAIN : ENOMEM;
}
