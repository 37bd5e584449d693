/*
 * info.c - a heap with all that malloc_info(3) tells of, and what the functions that count say of it: info.py adds up.
 *
 *   info HEAP XML    HEAP: empty, plain, caches or trimmed. XML: the file that malloc_info writes
 *
 * On standard output the fields of mallinfo2, and the objects that the program holds; on standard error malloc_stats.
 */
#include <libmalloc/cache.h>
#include <libmalloc/page.h>

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 3000, HELD_BYTES = 1000, HELD = 777 };

static void *blocks[BLOCKS];
static void *held[HELD];
static char stream_buffer[BUFSIZ];

/* Every second one is freed: small ones, some of 100 KB and more, some with a mapping. */
static void fill(void)
{
	for (size_t i = 0; i < BLOCKS; i++)
		blocks[i] = malloc(i * i % 5000 + (i % 100 == 0 ? 100000 : 0) + (i % 501 == 0 ? 1 << 20 : 0));
	for (size_t i = 0; i < BLOCKS; i += 2)
		free(blocks[i]);
}

static void *thread_that_leaves_blocks(void *unused)
{
	for (int i = 0; i < 1000; i++)
		free(blocks[1 + 2 * i]), blocks[1 + 2 * i] = malloc(300);
	return unused;
}

/* Objects that share no slabs, some of them freed; and whole pages. */
static void fill_caches(void)
{
	struct lm_cache *plain = lm_cache_create("plain", 200, 0, LM_CACHE_NO_MERGE, NULL, NULL);
	struct lm_cache *checked = lm_cache_create("checked", 3000, 0, LM_CACHE_POISON, NULL, NULL);
	static void *objects[500];
	for (size_t i = 0; i < 500; i++)
		objects[i] = lm_cache_alloc(i % 2 == 0 ? plain : checked);
	for (size_t i = 0; i < 500; i += 3)
		lm_cache_free(i % 2 == 0 ? plain : checked, objects[i]);
	for (unsigned order = 0; order < 8; order++)
		lm_pages_free(lm_pages_alloc(order, 0), order), (void)!lm_pages_alloc(order, 0);
}

static void make_heap(const char *name)
{
	pthread_t thread;
	if (strcmp(name, "empty") == 0)
		return;
	fill();
	if (pthread_create(&thread, NULL, thread_that_leaves_blocks, NULL) == 0)
		pthread_join(thread, NULL);
	if (strcmp(name, "caches") == 0)
		fill_caches();
	if (strcmp(name, "trimmed") == 0)
		malloc_trim(0);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	FILE *stream = fopen(argv[2], "w");
	setvbuf(stream, stream_buffer, _IOFBF, sizeof(stream_buffer));
	make_heap(argv[1]);
	/* Of a size that nothing else here has. */
	for (size_t i = 0; i < HELD; i++)
		held[i] = strcmp(argv[1], "empty") == 0 ? NULL : malloc(HELD_BYTES * 7);
	struct mallinfo2 now = mallinfo2();
	int result = malloc_info(0, stream);
	malloc_stats();
	fclose(stream);
	printf("arena %zu\nordblks %zu\nsmblks %zu\nhblks %zu\nhblkhd %zu\nusmblks %zu\nfsmblks %zu\nuordblks %zu\n", now.arena,
	       now.ordblks, now.smblks, now.hblks, now.hblkhd, now.usmblks, now.fsmblks, now.uordblks);
	printf("fordblks %zu\nkeepcost %zu\nusable %zu\nheld %d\n", now.fordblks, now.keepcost,
	       malloc_usable_size(held[0]), held[0] == NULL ? 0 : HELD);
	return result;
}
