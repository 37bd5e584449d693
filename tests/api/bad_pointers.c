/*
 * bad_pointers.c - an address at which no block begins is refused: in each size class, object cache and larger block, at each
 * special address of a slab, by each function that takes a pointer. Each must stop with one line that names itself and the
 * address.
 *
 *      slab     | object 0 | object 1 | ... | object n-1 | what is left |
 *                ^ ^      ^                               ^ ^           ^    addresses that are tried
 *
 * Of each class a few slabs are filled, so that all their objects are live, and one object is freed: the fast path of free
 * then has room for more. abort() ends in a handler that jumps back, so one process can try them all.
 */
#define _GNU_SOURCE
#include <libmalloc.h>

#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, LINE_BYTES = 256, OBJECTS_MAX = 4096, ALIGN = 16, SMALL_MAX = 128 << 10, LARGE = 3 << 20 };

static struct lm_cache *cache; /* of the objects that are tried; or another one */

void _ZdlPv(void *), _ZdaPv(void *), _ZdlPvm(void *, size_t), _ZdlPvSt11align_val_t(void *, size_t);
void _ZdlPvmSt11align_val_t(void *, size_t, size_t);

static void by_free(void *p) { free(p); }
static void by_realloc(void *p) { (void)!realloc(p, 100); }
static void by_realloc_zero(void *p) { (void)!realloc(p, 0); }
static void by_realloc_huge(void *p) { (void)!realloc(p, LARGE); }
static void by_reallocarray(void *p) { (void)!reallocarray(p, 10, 10); }
static void by_usable_size(void *p) { (void)!malloc_usable_size(p); }
static void by_free_sized(void *p) { free_sized(p, 16); }
static void by_free_aligned_sized(void *p) { free_aligned_sized(p, 16, 16); }
static void by_delete(void *p) { _ZdlPv(p); }
static void by_delete_array(void *p) { _ZdaPv(p); }
static void by_delete_sized(void *p) { _ZdlPvm(p, 16); }
static void by_delete_aligned(void *p) { _ZdlPvSt11align_val_t(p, 64); }
static void by_delete_sized_aligned(void *p) { _ZdlPvmSt11align_val_t(p, 64, 64); }
static void by_lm_realloc(void *p) { (void)!lm_realloc(p, 100, 0); }
static void by_lm_realloc_flags(void *p) { (void)!lm_realloc(p, 100, LM_ZERO); }
static void by_lm_kvfree(void *p) { lm_kvfree(p); }
static void by_lm_vfree(void *p) { lm_vfree(p); }
static void by_lm_pages_free(void *p) { lm_pages_free(p, 0); }
static void by_lm_pages_free_exact(void *p) { lm_pages_free_exact(p, PAGE); }
static void by_lm_cache_free(void *p) { lm_cache_free(cache, p); }
static void by_lm_cache_free_bulk(void *p) { lm_cache_free_bulk(cache, 1, &p); }

static const struct entry {
	void (*call)(void *p);
	const char *name; /* in the report */
} entries[] = {
	{by_free, "free"}, {by_realloc, "realloc"}, {by_realloc_zero, "realloc"}, {by_realloc_huge, "realloc"},
	{by_reallocarray, "realloc"}, {by_usable_size, "malloc_usable_size"}, {by_free_sized, "free_sized"},
	{by_free_aligned_sized, "free_aligned_sized"}, {by_delete, "free"}, {by_delete_array, "free"}, {by_delete_sized, "free"},
	{by_delete_aligned, "free"}, {by_delete_sized_aligned, "free"}, {by_lm_realloc, "lm_realloc"},
	{by_lm_realloc_flags, "lm_realloc"}, {by_lm_kvfree, "lm_kvfree"}, {by_lm_vfree, "lm_vfree"},
	{by_lm_pages_free, "lm_pages_free"}, {by_lm_pages_free_exact, "lm_pages_free_exact"},
	{by_lm_cache_free, "lm_cache_free"}, {by_lm_cache_free_bulk, "lm_cache_free_bulk"},
};
enum { ENTRIES = sizeof(entries) / sizeof(entries[0]) };

static int report_file, said;
static sigjmp_buf back;
static size_t tried, faults;

static void on_abort(int signal)
{
	(void)signal;
	siglongjmp(back, 1);
}

static void fault(const char *what, const struct entry *entry, const char *block, const void *p, const char *line)
{
	if (faults++ < 20)
		dprintf(said, "%s: %s of %s at %p: %s\n", block, entry->name, what, p, line);
}

/* The call must write the one right line and abort. */
static void try_entry(const struct entry *entry, const char *block, const char *what, char *p)
{
	char line[LINE_BYTES + 1] = "", end[LINE_BYTES];
	tried++;
	if (ftruncate(report_file, 0) != 0 || lseek(report_file, 0, SEEK_SET) != 0)
		exit(2);
	if (sigsetjmp(back, 1) == 0) {
		entry->call(p);
		fault(what, entry, block, p, "accepted");
		return;
	}
	(void)!pread(report_file, line, LINE_BYTES, 0);
	snprintf(end, sizeof(end), ": %p (%s)\n", (void *)p, entry->name);
	const char *found = strstr(line, end);
	if (strncmp(line, "libmalloc: ", 11) != 0 || found == NULL || found[strlen(end)] != '\0')
		fault(what, entry, block, p, line);
}

static void try_all(const char *block, const char *what, char *p)
{
	for (size_t i = 0; i < ENTRIES; i++)
		try_entry(&entries[i], block, what, p);
}

static int compare(const void *a, const void *b)
{
	uintptr_t x = *(const uintptr_t *)a, y = *(const uintptr_t *)b;
	return (x > y) - (x < y);
}

/* Inside of an object of `stride` bytes. */
static void try_inside(const char *block, char *object, size_t stride)
{
	static const size_t offsets[] = {1, 8, 16, 4095, 4096, 8192, 65536};
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		if (offsets[i] < stride)
			try_all(block, "an inner address", object + offsets[i]);
	if (stride > ALIGN)
		try_all(block, "the last grain", object + stride - ALIGN);
	if (stride > 1)
		try_all(block, "the last byte", object + stride - 1);
}

/* Behind the last object of a slab, up to the end of the page that it ends on. */
static void try_behind(const char *block, char *end, size_t stride)
{
	char *page_end = (char *)(((uintptr_t)end + PAGE - 1) / PAGE * PAGE);
	if (end == page_end)
		return;
	try_all(block, "the end of the last object", end);
	try_all(block, "a byte behind the last object", end + 1);
	try_all(block, "the last byte of the slab", page_end - 1);
	if (page_end - end > ALIGN)
		try_all(block, "the last grain of the slab", page_end - ALIGN);
	if ((size_t)(page_end - end) > stride)
		try_all(block, "an object's length behind the last one", end + stride);
}

/*
 * The objects are live, but for `freed`. A row of them that are a stride apart ends where a slab does. `usable` is shorter
 * than the stride where a red zone stands around each object: then the slab does not end behind the last one.
 */
static void try_rows(const char *block, char **objects, size_t count, size_t stride, size_t usable, uintptr_t freed)
{
	size_t rows = 0;
	qsort(objects, count, sizeof(*objects), compare);
	for (size_t i = 0; i + 1 < count && rows < 2; i++) {
		char *end = objects[i] + stride;
		if (objects[i + 1] == end || freed == (uintptr_t)end)
			continue;
		rows++;
		try_inside(block, objects[i], usable);
		if (usable == stride)
			try_behind(block, end, stride);
	}
	try_inside(block, objects[count / 2], usable);
}

static size_t objects_for(size_t stride)
{
	size_t count = 3 * (64 << 10) / stride + 3;
	return count < OBJECTS_MAX ? count : OBJECTS_MAX;
}

/* bytes: those of a class. */
static void try_class(size_t bytes)
{
	static char *objects[OBJECTS_MAX];
	char block[64];
	size_t count = objects_for(bytes);
	for (size_t i = 0; i < count; i++)
		objects[i] = malloc(bytes);
	snprintf(block, sizeof(block), "malloc(%zu)", bytes);
	uintptr_t freed = (uintptr_t)objects[--count];
	free(objects[count]);
	try_rows(block, objects, count, bytes, bytes, freed);
	for (size_t i = 0; i < count; i++)
		free(objects[i]);
}

static void try_cache(size_t bytes, unsigned flags)
{
	static char *objects[OBJECTS_MAX];
	char block[64];
	struct lm_cache_info info;
	snprintf(block, sizeof(block), "a cache of %zu bytes, flags %#x", bytes, flags);
	cache = lm_cache_create("tried", bytes, 0, flags, NULL, NULL);
	lm_cache_info(cache, &info);
	size_t count = objects_for(info.stride_bytes);
	for (size_t i = 0; i < count; i++)
		objects[i] = lm_cache_alloc(cache);
	uintptr_t freed = (uintptr_t)objects[--count];
	lm_cache_free(cache, objects[count]);
	try_rows(block, objects, count, info.stride_bytes, malloc_usable_size(objects[0]), freed);
	for (size_t i = 0; i < count; i++)
		lm_cache_free(cache, objects[i]);
	lm_cache_destroy(cache);
}

/* One block alone: what lies beside it may belong to others. */
static void try_block(const char *block, char *p)
{
	size_t usable = malloc_usable_size(p);
	try_inside(block, p, usable);
	lm_kvfree(p);
}

/* Where the next class begins: as malloc_usable_size tells. */
static void try_classes(void)
{
	for (size_t bytes = 1; bytes <= SMALL_MAX;) {
		void *p = malloc(bytes);
		size_t usable = malloc_usable_size(p);
		free(p);
		if (bytes < SMALL_MAX)
			try_class(usable);
		bytes = usable + 1;
	}
}

static void try_caches(void)
{
	static const size_t sizes[] = {1, 8, 24, 40, 56, 100, 120, 200, 1000, 1400, 2500, 4096, 5000, 12000, 20000, 33000, 131000};
	static const unsigned flags[] = {0, LM_CACHE_HWALIGN, LM_CACHE_RED_ZONE, LM_CACHE_POISON};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++)
			if (sizes[i] < 131000 || flags[k] != LM_CACHE_RED_ZONE)
				try_cache(sizes[i], flags[k]);
}

static void try_blocks(void)
{
	cache = lm_cache_create("another", 64, 0, 0, NULL, NULL);
	try_classes();
	try_block("a large block", malloc(LARGE));
	try_block("an aligned block", memalign(1 << 21, 300000));
	try_block("a run", memalign(8192, 40000));
	try_block("pages", lm_pages_alloc(3, 0));
	try_block("exact pages", lm_pages_alloc_exact(5 * PAGE, 0));
	try_block("a guarded range", lm_vmalloc(3 * PAGE));
	try_block("huge pages", lm_malloc(4 << 20, LM_HUGE));
	try_block("a low object", lm_malloc(1000, LM_DMA32));
	try_block("a low block", lm_malloc(1 << 20, LM_DMA32));
}

int main(void)
{
	struct sigaction action = {.sa_handler = on_abort};
	sigaction(SIGABRT, &action, NULL);
	said = dup(STDERR_FILENO);
	report_file = memfd_create("report", 0);
	if (report_file < 0 || dup2(report_file, STDERR_FILENO) < 0)
		return 2;
	try_blocks();
	try_caches();
	dprintf(said, "%zu calls, %zu of them not refused as they should be\n", tried, faults);
	return faults != 0;
}
