/*
 * clock.c - the clock of the vDSO, vdso(7). libc's function may be another library's, which may allocate, and a
 * sandbox may end a program that makes the system call.
 */
#include "os/clock.h"

#include "os/loaded.h"

#include <sys/auxv.h>
#include <time.h>

#if defined(__aarch64__)
#define CLOCK_NAME "__kernel_clock_gettime"
#else
#define CLOCK_NAME "__vdso_clock_gettime"
#endif

typedef int clock_function(clockid_t clock, struct timespec *now);

/* Without a vDSO the time stands still. */
static int no_clock(clockid_t clock, struct timespec *now)
{
	(void)clock, (void)now;
	return 0;
}

/* The loader may leave the vDSO out of its list: its program headers tell where it lies. */
static cold clock_function *find_clock(void)
{
	uintptr_t header = getauxval(AT_SYSINFO_EHDR);
	struct link_map vdso = {.l_addr = 0};
	struct loaded_symbol symbol;
	if (header == 0)
		return no_clock;
	const ElfW(Phdr) *segment = (const void *)(header + ((const ElfW(Ehdr) *)header)->e_phoff);
	for (unsigned i = 0; i < ((const ElfW(Ehdr) *)header)->e_phnum; i++)
		if (segment[i].p_type == PT_LOAD)
			vdso.l_addr = header + segment[i].p_offset - segment[i].p_vaddr;
		else if (segment[i].p_type == PT_DYNAMIC)
			vdso.l_ld = (void *)(header + segment[i].p_offset);
	bool is_there = loaded_find(&vdso, CLOCK_NAME, &symbol) && symbol.is_defined;
	return is_there ? (clock_function *)symbol.address : no_clock;
}

uint64_t os_clock_us(void)
{
	static clock_function *_Atomic known; /* relaxed: all threads find the same function */
	clock_function *function = load_relaxed(&known);
	struct timespec now = {0, 0};
	if (function == NULL) {
		function = find_clock();
		store_relaxed(&known, function);
	}
	function(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
