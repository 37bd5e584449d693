/* A plugin that knows which one it is, of runpath.c and namespace.c; IDENTITY comes from the command line. */
#include <stdlib.h>
#include <string.h>

int plugin_identity(void);

int plugin_identity(void)
{
	char *text = strdup("memory used in the plugin's own scope");

	free(realloc(text, 5000));
	return IDENTITY;
}
