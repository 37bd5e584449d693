/* Calls from an IFUNC resolver of the executable: the loader runs it while it relocates, when libmalloc is relocated but
 * no thread-local variable has its initial value yet, and gives all of them that value afterwards.
 */
#include "surroundings.h"

static unsigned char *made;

static void answer(void) {}

__attribute__((used)) static void (*resolve(void))(void)
{
	unsigned char *large = malloc(1 << 20);

	CHECK(large);
	memset(large, 1, 1 << 20);
	for (int i = 0; i < 1000; i++)
		free(malloc((size_t)i));
	CHECK((made = calloc(1, 100)) && made[99] == 0);
	CHECK((made = realloc(made, 5000)));
	memset(made, 7, 5000);
	free(large);
	return answer;
}

void resolved(void) __attribute__((ifunc("resolve")));

int main(void)
{
	resolved();
	CHECK(made);
	for (int i = 0; i < 1000; i++)
		free(malloc((size_t)i));
	CHECK(made[0] == 7 && made[4999] == 7);
	free(made);
	return 0;
}
