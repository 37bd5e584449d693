// expect: double free (free)
// However many objects of the class were freed before, the last one is not freed twice unseen.
#include "misuse.h"

static char *p[600];

int main(void)
{
	for (int i = 0; i < 600; i++)
		p[i] = malloc(64);
	show(p[599]);
	for (int count = 1, status; count <= 600; count++) {
		if (count == 600 || fork() == 0) {
			if (count < 600)
				close(STDERR_FILENO);
			for (int i = 0; i < count; i++)
				free(p[i]);
			free(p[count - 1]);
			_exit(0);
		}
		if (wait(&status) < 0 || !WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT)
			_exit(3);
	}
}
