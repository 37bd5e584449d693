/* The plugin of deepbind.c. Wrappers, so that each call is bound in the plugin's own scope. */
#include "deepbind.h"
#include "surroundings.h"
#include <malloc.h>

const char *colour(void) { return "the plugin's"; }

static void plugin_free(void *p) { free(p); }
static void *plugin_malloc(size_t size) { return malloc(size); }
static void *plugin_realloc(void *p, size_t size) { return realloc(p, size); }
static size_t plugin_usable_size(void *p) { return malloc_usable_size(p); }
static char *plugin_strdup(const char *text) { return strdup(text); }
static const char *plugin_colour(void) { return colour(); }

static char *plugin_getline(void)
{
	char *line = NULL;
	size_t room = 0;
	FILE *file = fopen("/proc/self/status", "r");

	CHECK(file && getline(&line, &room, file) > 0);
	fclose(file);
	return line;
}

static void plugin_inside(void)
{
	char *text;

	free(plugin_getline());
	free(strdup("text"));
	CHECK(asprintf(&text, "%d", 7) == 1);
	text = realloc(text, 1000);
	free(text);
	CHECK(posix_memalign((void **)&text, 64, 1000) == 0);
	free(text);
}

const struct plugin plugin = {
	plugin_free,   plugin_malloc,  plugin_realloc, plugin_usable_size,
	plugin_strdup, plugin_getline, plugin_inside,  plugin_colour,
};
