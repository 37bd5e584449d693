/* Strict overcommit, vm.overcommit_memory = 2 (proc_sys_vm(5)). The kernel then charges every writable private page when
 * it is mapped and ignores MAP_NORESERVE; PROT_NONE is free. VmData counts just that, so what a program of this
 * size is charged shows in any mode; exhaust.c under RLIMIT_DATA, which limits VmData, shows the refusals.
 * Under the setting itself a request above the commit limit must be NULL with ENOMEM.
 */
#include "surroundings.h"
#include <sys/wait.h>

#define LIVE_MB 16

int main(void)
{
	static char *blocks[LIVE_MB * 1024];
	long before = proc_kib("/proc/self/status", "VmData:");

	for (int i = 0; i < LIVE_MB * 1024; i++) {
		CHECK((blocks[i] = malloc(1024)));
		memset(blocks[i], i, 1024);
	}
	double charged = (double)(proc_kib("/proc/self/status", "VmData:") - before) / 1024;
	printf("commit charge: %.1f MB at the start of main, %.1f MB more for %d MB in blocks of 1 KiB\n",
	       (double)before / 1024, charged, LIVE_MB);
	CHECK((double)before / 1024 <= 64);
	CHECK(charged <= 2 * LIVE_MB + 16);

	char mode = '0';
	int file = open("/proc/sys/vm/overcommit_memory", O_RDONLY);
	CHECK(file >= 0 && read(file, &mode, 1) == 1);
	if (mode == '2') {
		size_t limit = (size_t)proc_kib("/proc/meminfo", "CommitLimit:") << 10;
		errno = 0;
		CHECK(!malloc(limit) && errno == ENOMEM);
		CHECK(!calloc(1, limit) && errno == ENOMEM);
		printf("vm.overcommit_memory is 2: %zu MB refused\n", limit >> 20);
	}
	int status;
	if (fork() == 0) {
		for (int i = 0; i < 1000; i++)
			CHECK(malloc(5000));
		_exit(0);
	}
	CHECK(wait(&status) > 0 && status == 0);
	for (int i = 0; i < LIVE_MB * 1024; i++) {
		CHECK(blocks[i][1023] == (char)i);
		free(blocks[i]);
	}
	return 0;
}
