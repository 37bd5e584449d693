/* libmalloc.h and all that it includes serve a C program with the strictest warnings; the version is the header's. */
#include <libmalloc.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
	char version[32];
	snprintf(version, sizeof(version), "%d.%d.%d", LM_VERSION_MAJOR, LM_VERSION_MINOR, LM_VERSION_PATCH);
	if (strcmp(lm_version(), version) != 0) {
		fprintf(stderr, "the library is %s, the header %s\n", lm_version(), version);
		return 1;
	}
	return 0;
}
