/*
 * clock.c - see clock.h. By the kernel's own page of code, vdso(7): libc's function may be another library's, which may
 * allocate, and a sandbox may end a program that makes the system call.
 */
#include "os/clock.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

#if defined(__aarch64__)
#define CLOCK_NAME "__kernel_clock_gettime"
#else
#define CLOCK_NAME "__vdso_clock_gettime"
#endif

typedef int clock_function(clockid_t clock, struct timespec *now);

/* What of the vDSO is needed to find a symbol. It is relocated as a whole: an address there less `shift` is its own. */
struct image {
	uintptr_t shift;
	const ElfW(Sym) *symbols;
	const char *strings;
	const uint32_t *hash; /* buckets, then as many chain words as there are symbols */
};

static bool image_find(struct image *image, const ElfW(Ehdr) *header)
{
	const ElfW(Phdr) *segment = (const void *)((uintptr_t)header + header->e_phoff);
	const ElfW(Dyn) *entry = NULL;
	for (unsigned i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type == PT_LOAD)
			image->shift = (uintptr_t)header + segment[i].p_offset - segment[i].p_vaddr;
		else if (segment[i].p_type == PT_DYNAMIC)
			entry = (const void *)((uintptr_t)header + segment[i].p_offset);
	}
	for (; entry != NULL && entry->d_tag != DT_NULL; entry++) {
		const void *address = (const void *)(image->shift + entry->d_un.d_ptr);
		if (entry->d_tag == DT_SYMTAB)
			image->symbols = address;
		else if (entry->d_tag == DT_STRTAB)
			image->strings = address;
		else if (entry->d_tag == DT_HASH)
			image->hash = address;
	}
	return image->symbols != NULL && image->strings != NULL && image->hash != NULL;
}

static clock_function *vdso_clock(void)
{
	const ElfW(Ehdr) *header = (const void *)getauxval(AT_SYSINFO_EHDR);
	struct image image = {0, NULL, NULL, NULL};
	if (header == NULL || !image_find(&image, header))
		return NULL;
	for (uint32_t i = 0; i < image.hash[1]; i++)
		if (image.symbols[i].st_shndx != SHN_UNDEF &&
		    strcmp(image.strings + image.symbols[i].st_name, CLOCK_NAME) == 0)
			return (clock_function *)(image.shift + image.symbols[i].st_value);
	return NULL;
}

/* It stands still where there is no vDSO. */
static int no_clock(clockid_t clock, struct timespec *now)
{
	(void)clock, (void)now;
	return 0;
}

uint64_t os_clock_us(void)
{
	static clock_function *_Atomic known;
	clock_function *function = atomic_load_explicit(&known, memory_order_relaxed);
	struct timespec now = {0, 0};
	if (function == NULL) {
		function = vdso_clock();
		if (function == NULL)
			function = no_clock;
		atomic_store_explicit(&known, function, memory_order_relaxed);
	}
	function(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
