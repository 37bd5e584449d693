/* A sandbox with only the system calls that glibc's malloc makes once started, and those that start and end a thread.
 * Threads that run before the filter comes and threads started
 * after it allocate, free each other's blocks, grow, trim and end. Any other call, sched_yield or clock_gettime
 * among them, is named on stderr and ends the program. (glibc itself fails: it reads overcommit_memory when it first
 * shrinks an arena. Once started means here: a few calls have been made on each of twelve threads.)
 */
#include "surroundings.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define THREADS 12 /* on each side of the filter; glibc counts the processors, once, for its ninth */
#define SLOTS 512

static _Atomic(char *) shared[SLOTS];
static pthread_barrier_t filtered;

static void on_refused(int signal, siginfo_t *info, void *context)
{
	char text[64];
	int length = snprintf(text, sizeof text, "system call %d refused in the sandbox\n", info->si_syscall);

	(void)signal, (void)context;
	(void)!write(2, text, (size_t)length);
	_exit(1);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW(name)                                                         \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)SYS_##name, 0, 1),    \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void enter_sandbox(void)
{
	struct sock_filter filter[] = {
		LOAD(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		LOAD(nr),
		/* malloc */
		ALLOW(brk), ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(madvise), ALLOW(futex),
		/* a thread's start and end */
		ALLOW(clone3), ALLOW(clone), ALLOW(set_robust_list), ALLOW(rseq), ALLOW(rt_sigprocmask), ALLOW(exit),
		/* the program's end */
		ALLOW(write), ALLOW(exit_group), ALLOW(rt_sigreturn),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	};
	struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0);
}

static size_t random_size(uint64_t *seed)
{
	static const size_t most[] = {64, 64, 1000, 1000, 20000, 120000, 500000, 3000000};

	return 16 + next_random(seed) % most[next_random(seed) % 8];
}

static void churn(uint64_t seed, int steps)
{
	for (int i = 0; i < steps; i++) {
		size_t size = random_size(&seed);
		char *p = i % 3 ? malloc(size) : i % 2 ? calloc(1, size) : aligned_alloc(64, size);
		CHECK(p);
		p[0] = p[size - 1] = 1;
		if (i % 5 == 0)
			CHECK((p = realloc(p, size * 3)) && p[size - 1] == 1);
		free(atomic_exchange(&shared[next_random(&seed) % SLOTS], p));
		if (i % 1000 == 0)
			malloc_trim(0);
	}
}

/* Much memory live, then none: what trims and purges when memory falls. */
static void rise_and_fall(void)
{
	void **list = NULL;

	for (int i = 0; i < 30000; i++) {
		void **block = malloc(1000);
		CHECK(block);
		*block = list;
		list = block;
	}
	while (list) {
		void **next = *list;
		free(list);
		list = next;
	}
}

static void *thread(void *number)
{
	if ((uintptr_t)number < THREADS) {
		churn((uintptr_t)number + 1, 50);
		pthread_barrier_wait(&filtered);
		pthread_barrier_wait(&filtered);
	}
	churn((uintptr_t)number + 100, 4000);
	rise_and_fall();
	return NULL;
}

int main(void)
{
	pthread_t threads[2 * THREADS];
	struct sigaction action = {.sa_sigaction = on_refused, .sa_flags = SA_SIGINFO};

	sigaction(SIGSYS, &action, NULL);
	pthread_barrier_init(&filtered, NULL, THREADS + 1);
	for (uintptr_t i = 0; i < THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
	pthread_barrier_wait(&filtered);
	enter_sandbox();
	pthread_barrier_wait(&filtered);
	for (uintptr_t i = THREADS; i < 2 * THREADS; i++)
		CHECK(pthread_create(&threads[i], NULL, thread, (void *)i) == 0);
	for (int i = 0; i < 2 * THREADS; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	for (int i = 0; i < SLOTS; i++)
		free(shared[i]);
	rise_and_fall();
	(void)mallinfo2();
	CHECK(malloc_usable_size(malloc(100)) >= 100);
	static const char done[] = "24 threads churned in the sandbox\n";
	CHECK(write(1, done, sizeof done - 1) > 0);
	_exit(0);
}
