/*
 * options-table.c - prints libc/options.c's table as the OPTIONS part of the manual page, in mdoc(7). The Makefile
 * links it with the library's own objects and runs it, with an empty environment, to make libmalloc.3.
 *
 * A meaning reads "unit; what it does (default)". The default is checked against the setting as compiled.
 */
#include "base/settings.h"
#include "libc/options.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_COLUMNS = 60 };

static _Noreturn void fail(const struct option *option, const char *why)
{
	fprintf(stderr, "options-table: %s: %s\n", option->name, why);
	exit(1);
}

/* As lines of text, for roff: a minus sign is no hyphen, and no line begins with a control character. */
static void print_filled(const char *text, size_t length)
{
	size_t column = 0;
	for (size_t i = 0; i < length; i++) {
		bool ends_line = text[i] == ' ' && column > LINE_COLUMNS;
		if (column == 0)
			printf("\\&");
		if (text[i] == '-' || text[i] == '\\')
			printf("%s", text[i] == '-' ? "\\-" : "\\e");
		else
			putchar(ends_line ? '\n' : text[i]);
		column = ends_line ? 0 : column + 1;
	}
	printf(".\n");
}

static void print_name(const struct option *option, size_t unit_length)
{
	printf(".It Cm %s Pq %.*s", option->name, (int)unit_length, option->meaning);
	if (option->most != SIZE_MAX && option->most != 1)
		printf(", 0 to %zu", option->most);
	printf("; default %zu\n", load_relaxed(option_value(option)));
}

static void print_glibc_names(const struct option *option)
{
	char upper[sizeof(option->name)] = "";
	if (option->mallopt == 0)
		return;
	for (size_t i = 0; option->name[i] != '\0'; i++)
		upper[i] = (char)toupper(option->name[i]);
	printf("glibc's names:\n.Ev MALLOC_%s_ ,\n.Li glibc.malloc.%s ,\n.Dv M_%s .\n", upper, option->name, upper);
}

static void print_option(const struct option *option)
{
	const char *semicolon = strchr(option->meaning, ';');
	const char *bracket = strrchr(option->meaning, '(');
	if (semicolon == NULL || bracket == NULL || bracket < semicolon + 3)
		fail(option, "its meaning is not of the form \"unit; what it does (default)\"");
	if (strtoull(bracket + 1, NULL, 0) != load_relaxed(option_value(option)))
		fail(option, "the default in its meaning is not the one in the settings");
	print_name(option, (size_t)(semicolon - option->meaning));
	print_filled(semicolon + 2, (size_t)(bracket - 1 - (semicolon + 2)));
	print_glibc_names(option);
}

int main(void)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < OPTION_COUNT; i++)
		print_option(&option_table[i]);
	printf(".El\n");
	return 0;
}
