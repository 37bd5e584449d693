/* report.c - lines to standard error, put together on the stack and written with one system call. */
#include "os/report.h"

#include "base/bits.h"
#include "base/text.h"
#include "os/syscall.h"
#include "os/thread.h"

#include <stdlib.h>

enum { LINE_BYTES = 256, STDERR = 2 };

void report_warning(const char *format, ...)
{
	char buffer[LINE_BYTES];
	struct text line = text_begin(buffer, LINE_BYTES);
	va_list arguments;
	va_start(arguments, format);
	text_format(&line, "libmalloc: ");
	text_format_list(&line, format, arguments);
	va_end(arguments);
	size_t length = size_min(line.length, LINE_BYTES - 1);
	buffer[length] = '\n';
	syscall3(SYS_write, STDERR, (long)buffer, (long)(length + 1));
}

_Noreturn void report_bad_pointer(const char *kind, const void *pointer, const char *function)
{
	report_warning("%s: 0x%zx (%s)", kind, (size_t)pointer, function);
	abort();
}

_Atomic uintptr_t report_noter;

/* Owner: the thread report_noter. */
static struct {
	const char *kind;
	const void *pointer;
	const char *function;
} noted;

/* Acquire pairs with the release in report_noted_fault: the last note was read before the next one is written. */
void report_later(const char *kind, const void *pointer, const char *function)
{
	uintptr_t none = 0;
	if (!replace_atomic(&report_noter, &none, thread_self(), memory_order_acquire))
		return;
	if (noted.pointer == pointer) {
		store_relaxed(&report_noter, 0);
		return;
	}
	noted.kind = kind;
	noted.pointer = pointer;
	noted.function = function;
}

/* Release pairs with the acquire in report_later. */
void report_noted_fault(void)
{
	if (load_relaxed(&report_noter) != thread_self())
		return;
	const char *kind = noted.kind;
	const void *pointer = noted.pointer;
	const char *function = noted.function;
	atomic_store_explicit(&report_noter, 0, memory_order_release);
	report_bad_pointer(kind, pointer, function);
}

_Noreturn void report_damage(const char *kind, long offset, const char *cache, const void *object, const char *function)
{
	size_t distance = offset < 0 ? 0 - (size_t)offset : (size_t)offset;
	report_warning("%s at offset %s%zu of cache %s: 0x%zx (%s)", kind, offset < 0 ? "-" : "", distance, cache,
		       (size_t)object, function);
	abort();
}

_Noreturn void report_internal(const char *what)
{
	report_warning("internal error: %s", what);
	abort();
}
