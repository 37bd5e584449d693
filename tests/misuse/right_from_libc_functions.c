// expect: nothing
#include "misuse.h"

int main(void)
{
	char *text, *line = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	fprintf(stream, "%0*d\n", 300000, 7);
	fclose(stream);
	free(text);
	free(strdup("copy"));
	stream = fopen("/proc/self/maps", "r");
	while (getline(&line, &size, stream) > 0)
		;
	free(line);
	fclose(stream);
	if (asprintf(&text, "%d", 5) > 0)
		free(text);
	return 0;
}
