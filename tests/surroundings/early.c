/* Calls before every constructor and after every destructor: in
 * .preinit_array, a library's constructor of priority 101, atexit handlers, destructors of main and, last of all, of a
 * library that libmalloc does not depend on.
 */
#include "early.h"

static struct life life;

static void before_all(void) { live_through(&life, PREINIT); }
__attribute__((section(".preinit_array"), used)) static void (*preinit)(void) = before_all;

__attribute__((constructor(101))) static void start(void)
{
	library_life()->made[PREINIT] = life.made[PREINIT];
	live_through(library_life(), START);
}

static void at_exit(void) { live_through(library_life(), AT_EXIT); }

__attribute__((destructor(101))) static void end(void) { live_through(library_life(), END); }

int main(void)
{
	CHECK(atexit(at_exit) == 0);
	live_through(library_life(), MAIN);
	return 0;
}
