/*
 * refuse.c - see refuse.h.
 */
#include "api/refuse.h"

#include "base/report.h"
#include "libmalloc/flags.h"

#include <errno.h>

void *refuse(const char *function, const char *sentence)
{
	report_warning(function, sentence);
	errno = EINVAL;
	return NULL;
}

static const char *fault_of(unsigned flags, unsigned allowed)
{
	if ((flags & ~allowed) != 0)
		return REFUSED_FLAG;
	if ((flags & LM_NOFAIL) && (flags & (LM_NOSYSCALL | LM_NORETRY)))
		return REFUSED_NOFAIL;
	if ((flags & LM_HUGE) && (flags & (LM_NOSYSCALL | LM_DMA32 | LM_COLD)))
		return REFUSED_HUGE;
	return NULL;
}

bool flags_are_right(const char *function, unsigned flags, unsigned allowed)
{
	const char *fault = likely(flags == 0) ? NULL : fault_of(flags, allowed);
	if (fault != NULL)
		refuse(function, fault);
	return fault == NULL;
}

void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

void *out_of_memory(const char *function, unsigned flags)
{
	bool only_kernel_could_help = flags & LM_NOSYSCALL;
	if (!only_kernel_could_help && !(flags & LM_NOWARN))
		report_warning(function, "out of memory");
	errno = only_kernel_could_help ? EAGAIN : ENOMEM;
	return NULL;
}
