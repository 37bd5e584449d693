/*
 * libmalloc/kernel/percpu.h - per-CPU data, over lm_percpu_alloc(3). libmalloc-kernel(3).
 *
 * In the kernel get_cpu_var and its like turn preemption off, so that the thread has its CPU's slot for itself. A
 * process cannot turn preemption off. Here the thread locks a slot instead: get_cpu takes the slot of the CPU that the
 * thread runs on, or the next free slot if another thread has that one. Until put_cpu, smp_processor_id, this_cpu_ptr
 * and the like all mean the locked slot, on whatever CPU the thread runs. Calls nest. Two ways to change a variable:
 *
 *	get_cpu_var(hits)++;		no other thread is between get and put on the same slot
 *	put_cpu_var(hits);
 *	this_cpu_inc(hits);		no lock: atomic, and safe against other this_cpu_... operations
 *
 * Use only one of the two ways for a variable: here, an operation without the lock may come between the load and the
 * store of one with it. In the kernel it cannot. As in the kernel, a thread must not wait for another thread between
 * get and put. All possible CPUs count as online, since their slots always exist.
 *
 * Invariant: depth > 0 exactly while the thread holds lm_kernel_pin_locks[cpu]. The one exception is a thread that
 * forked between get and put: see below. Only the thread itself changes its pin. A program, and each shared library,
 * has locks, pins and slots of static variables of its own. So get_cpu_var in a program does not exclude get_cpu_var
 * in a library.
 *
 * In the child of a fork(2) no slot is locked: the kernel zeroes the table of locks (MADV_WIPEONFORK, Linux 4.14). A
 * thread that forks between get and put must call put in both processes. In the child it has the slot for itself until
 * the child creates a thread.
 */
#ifndef LIBMALLOC_KERNEL_PERCPU_H
#define LIBMALLOC_KERNEL_PERCPU_H

#include <libmalloc/kernel/gfp.h>
#include <libmalloc/percpu.h>

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define __percpu /* marks a pointer for sparse, which checks kernel sources */

enum { LM_KERNEL_PIN_LOCKS = 128 }; /* with more CPUs, several share a lock: correct, but slower */

struct lm_kernel_pin {
	unsigned depth, cpu;
	void *slot; /* the value of get_cpu_var of a dynamic pointer */
};

struct lm_kernel_pin_lock {
	pthread_mutex_t mutex;
	struct lm_kernel_pin *owner; /* relaxed; the pin of the thread that locked the mutex last */
} __attribute__((aligned(64)));

#ifdef __cplusplus
extern "C" {
#endif
/* Weak: all files of a program share one. All zero is PTHREAD_MUTEX_INITIALIZER. The table fills whole pages. */
__attribute__((weak, visibility("hidden"), aligned(4096))) struct lm_kernel_pin_lock
	lm_kernel_pin_locks[LM_KERNEL_PIN_LOCKS];
__attribute__((weak, visibility("hidden"))) int lm_kernel_pin_locks_ready; /* relaxed; 1: a fork zeroes the table */
__attribute__((weak, visibility("hidden"))) __thread struct lm_kernel_pin lm_kernel_pin;
#ifdef __cplusplus
}
#endif

static inline struct lm_kernel_pin_lock *lm_kernel_pin_lock_of(unsigned cpu)
{
	return &lm_kernel_pin_locks[cpu % LM_KERNEL_PIN_LOCKS];
}

/*
 * Tells the kernel to zero the table in the child of a fork. If the kernel cannot do it, the locks that other threads
 * hold at a fork stay locked in the child. Several threads may call this at the same time. The child inherits the
 * setting.
 */
#ifdef MADV_WIPEONFORK
static inline void lm_kernel_pin_locks_prepare(void)
{
	int saved = errno;
	if (madvise(lm_kernel_pin_locks, sizeof(lm_kernel_pin_locks), MADV_WIPEONFORK) != 0)
		errno = saved;
	__atomic_store_n(&lm_kernel_pin_locks_ready, 1, __ATOMIC_RELAXED);
}
#else
static inline void lm_kernel_pin_locks_prepare(void) {}
#endif

/* Locks the slot of the CPU, or the next one that no thread holds. If threads hold all, it waits for the first. */
static inline unsigned lm_kernel_pin_lock_any(void)
{
	unsigned here = lm_percpu_cpu(), cpus = lm_percpu_cpus(), i;
	for (i = 0; i < cpus; i++) {
		unsigned cpu = (here + i) % cpus;
		if (pthread_mutex_trylock(&lm_kernel_pin_lock_of(cpu)->mutex) == 0)
			return cpu;
	}
	pthread_mutex_lock(&lm_kernel_pin_lock_of(here)->mutex);
	return here;
}

static inline void lm_kernel_pin_take(void)
{
	if (__builtin_expect(__atomic_load_n(&lm_kernel_pin_locks_ready, __ATOMIC_RELAXED) == 0, 0))
		lm_kernel_pin_locks_prepare();
	lm_kernel_pin.cpu = lm_kernel_pin_lock_any();
	__atomic_store_n(&lm_kernel_pin_lock_of(lm_kernel_pin.cpu)->owner, &lm_kernel_pin, __ATOMIC_RELAXED);
}

/* In the child, a thread that forked between get and put owns no lock: the mutex is free, or another thread has it. */
static inline void lm_kernel_pin_put(void)
{
	struct lm_kernel_pin_lock *lock = lm_kernel_pin_lock_of(lm_kernel_pin.cpu);
	if (__atomic_load_n(&lock->owner, __ATOMIC_RELAXED) == &lm_kernel_pin)
		pthread_mutex_unlock(&lock->mutex);
}

static inline void preempt_disable(void)
{
	if (lm_kernel_pin.depth == 0)
		lm_kernel_pin_take();
	lm_kernel_pin.depth++;
}

static inline void preempt_enable(void)
{
	if (--lm_kernel_pin.depth == 0)
		lm_kernel_pin_put();
}

static inline unsigned int smp_processor_id(void)
{
	return lm_kernel_pin.depth == 0 ? lm_percpu_cpu() : lm_kernel_pin.cpu;
}

static inline unsigned int raw_smp_processor_id(void)
{
	return smp_processor_id();
}

static inline unsigned int get_cpu(void)
{
	preempt_disable();
	return lm_kernel_pin.cpu;
}

static inline void put_cpu(void)
{
	preempt_enable();
}

static inline unsigned int num_possible_cpus(void)
{
	return lm_percpu_cpus();
}

static inline unsigned int num_present_cpus(void)
{
	return lm_percpu_cpus();
}

static inline unsigned int num_online_cpus(void)
{
	return lm_percpu_cpus();
}

#define nr_cpu_ids (lm_percpu_cpus())
#define for_each_possible_cpu(cpu) for ((cpu) = 0; (unsigned int)(cpu) < lm_percpu_cpus(); (cpu)++)
#define for_each_present_cpu(cpu) for_each_possible_cpu(cpu)
#define for_each_online_cpu(cpu) for_each_possible_cpu(cpu)

/* Static variables. As in the kernel, each name must be unique in the program, even that of a static variable. */
#define DEFINE_PER_CPU(type, name) LM_DEFINE_PER_CPU(type, name)
#define DECLARE_PER_CPU(type, name) LM_DECLARE_PER_CPU(type, name)
#define DEFINE_PER_CPU_ALIGNED(type, name) LM_DEFINE_PER_CPU(type, name) __attribute__((aligned(64)))
#define DEFINE_PER_CPU_SHARED_ALIGNED(type, name) DEFINE_PER_CPU_ALIGNED(type, name)
#define DEFINE_PER_CPU_READ_MOSTLY(type, name) LM_DEFINE_PER_CPU(type, name)
#define DEFINE_PER_CPU_PAGE_ALIGNED(type, name) LM_DEFINE_PER_CPU(type, name) __attribute__((aligned(4096)))
#define DECLARE_PER_CPU_ALIGNED(type, name) LM_DECLARE_PER_CPU(type, name)
#define DECLARE_PER_CPU_SHARED_ALIGNED(type, name) LM_DECLARE_PER_CPU(type, name)
#define DECLARE_PER_CPU_READ_MOSTLY(type, name) LM_DECLARE_PER_CPU(type, name)
#define DECLARE_PER_CPU_PAGE_ALIGNED(type, name) LM_DECLARE_PER_CPU(type, name)
#define EXPORT_PER_CPU_SYMBOL(name) struct lm_kernel_ends_with_semicolon
#define EXPORT_PER_CPU_SYMBOL_GPL(name) struct lm_kernel_ends_with_semicolon

/* Dynamic variables, zeroed, of at most LM_PERCPU_SIZE_MAX bytes (32 KiB, as in the kernel). GFP flags: no effect. */
static inline void *__alloc_percpu(size_t size, size_t align)
{
	return lm_percpu_alloc(size, align);
}

static inline void *__alloc_percpu_gfp(size_t size, size_t align, gfp_t gfp)
{
	(void)gfp;
	return lm_percpu_alloc(size, align);
}

#define alloc_percpu(type) ((__typeof__(type) *)__alloc_percpu(sizeof(type), __alignof__(type)))
#define alloc_percpu_gfp(type, gfp) ((__typeof__(type) *)__alloc_percpu_gfp(sizeof(type), __alignof__(type), gfp))

static inline void free_percpu(const void *percpu)
{
	lm_percpu_free((void *)(uintptr_t)percpu);
}

static inline void *lm_kernel_this_slot(const void *percpu)
{
	return lm_kernel_pin.depth == 0 ? lm_percpu_this(percpu) : lm_percpu_ptr(percpu, lm_kernel_pin.cpu);
}

/* The type of a pointer. For an array: that of a pointer to its first element. */
#define LM_KERNEL_POINTER(pointer) __typeof__(1 ? (pointer) : NULL)
#define per_cpu_ptr(pointer, cpu) ((LM_KERNEL_POINTER(pointer))lm_percpu_ptr((const void *)(pointer), (cpu)))
#define per_cpu(variable, cpu) (*per_cpu_ptr(&(variable), cpu))
#define this_cpu_ptr(pointer) ((LM_KERNEL_POINTER(pointer))lm_kernel_this_slot((const void *)(pointer)))
#define raw_cpu_ptr(pointer) this_cpu_ptr(pointer)
#define __this_cpu_ptr(pointer) this_cpu_ptr(pointer)
#define __get_cpu_var(variable) (*this_cpu_ptr(&(variable)))

/* The section of static variables. Both are NULL in a program without any. */
extern char __start_lm_percpu[] __attribute__((weak, visibility("hidden")));
extern char __stop_lm_percpu[] __attribute__((weak, visibility("hidden")));

/*
 * get_cpu_var - of a static variable, as in the kernel. It also takes a variable that holds a dynamic per-CPU pointer,
 * as some books do (`foo = get_cpu_var(percpu_ptr)`): then the value is the address of the slot.
 */
static inline void *lm_kernel_get_cpu_var(const void *variable, int is_pointer)
{
	uintptr_t offset = (uintptr_t)variable - (uintptr_t)__start_lm_percpu;
	preempt_disable();
	if (!is_pointer || offset < (uintptr_t)__stop_lm_percpu - (uintptr_t)__start_lm_percpu)
		return lm_percpu_ptr(variable, lm_kernel_pin.cpu);
	lm_kernel_pin.slot = lm_percpu_ptr(*(void *const *)variable, lm_kernel_pin.cpu);
	return &lm_kernel_pin.slot;
}

enum { LM_KERNEL_POINTER_CLASS = 5 }; /* the value of __builtin_classify_type for a pointer */
#define get_cpu_var(variable) \
	(*(__typeof__(variable) *)lm_kernel_get_cpu_var(&(variable), __builtin_classify_type(variable) == \
								     LM_KERNEL_POINTER_CLASS))
#define put_cpu_var(variable) ((void)&(variable), preempt_enable())
#define get_cpu_ptr(pointer) ((LM_KERNEL_POINTER(pointer))(preempt_disable(), this_cpu_ptr(pointer)))
#define put_cpu_ptr(pointer) ((void)(pointer), preempt_enable())

/*
 * this_cpu_... - operations on one integer or pointer of 1, 2, 4 or 8 bytes: a variable, *pointer, pointer->field. They
 * are atomic, because the thread may move to another CPU after it found its slot. It then writes to a slot that another
 * thread may write to at the same time.
 *
 * lm_percpu_add would be faster, but these operations cannot use it. It is not atomic against other CPUs, so an atomic
 * operation of a thread that moved could undo it. So either all of these operations use restartable sequences or none
 * does. All of them cannot: between get_cpu and put_cpu the slot may be that of another CPU, and a restartable sequence
 * works only on the slot of the CPU that the thread runs on.
 */
#define this_cpu_read(variable) __atomic_load_n(this_cpu_ptr(&(variable)), __ATOMIC_RELAXED)
#define this_cpu_write(variable, value) __atomic_store_n(this_cpu_ptr(&(variable)), (value), __ATOMIC_RELAXED)
#define this_cpu_add(variable, value) ((void)this_cpu_add_return(variable, value))
#define this_cpu_sub(variable, value) ((void)this_cpu_sub_return(variable, value))
#define this_cpu_inc(variable) this_cpu_add(variable, 1)
#define this_cpu_dec(variable) this_cpu_sub(variable, 1)
#define this_cpu_and(variable, value) \
	((void)__atomic_and_fetch(this_cpu_ptr(&(variable)), (value), __ATOMIC_RELAXED))
#define this_cpu_or(variable, value) ((void)__atomic_or_fetch(this_cpu_ptr(&(variable)), (value), __ATOMIC_RELAXED))
#define this_cpu_add_return(variable, value) \
	__atomic_add_fetch(this_cpu_ptr(&(variable)), (value), __ATOMIC_RELAXED)
#define this_cpu_sub_return(variable, value) \
	__atomic_sub_fetch(this_cpu_ptr(&(variable)), (value), __ATOMIC_RELAXED)
#define this_cpu_inc_return(variable) this_cpu_add_return(variable, 1)
#define this_cpu_dec_return(variable) this_cpu_sub_return(variable, 1)
#define this_cpu_xchg(variable, value) __atomic_exchange_n(this_cpu_ptr(&(variable)), (value), __ATOMIC_RELAXED)

/* The value before. If it was `old`, the variable has `value` afterwards. */
#define this_cpu_cmpxchg(variable, old, value) \
	({ \
		__typeof__(variable) lm_kernel_old = (old); \
		(void)__atomic_compare_exchange_n(this_cpu_ptr(&(variable)), &lm_kernel_old, (value), 0, \
						  __ATOMIC_RELAXED, __ATOMIC_RELAXED); \
		lm_kernel_old; \
	})
#define this_cpu_try_cmpxchg(variable, old_pointer, value) \
	__atomic_compare_exchange_n(this_cpu_ptr(&(variable)), (old_pointer), (value), 0, __ATOMIC_RELAXED, \
				    __ATOMIC_RELAXED)

/* In the kernel, the caller of these forms must keep the thread on its CPU. Here they are the same as this_cpu_... */
#define raw_cpu_read(variable) this_cpu_read(variable)
#define raw_cpu_write(variable, value) this_cpu_write(variable, value)
#define raw_cpu_add(variable, value) this_cpu_add(variable, value)
#define raw_cpu_sub(variable, value) this_cpu_sub(variable, value)
#define raw_cpu_inc(variable) this_cpu_inc(variable)
#define raw_cpu_dec(variable) this_cpu_dec(variable)
#define raw_cpu_and(variable, value) this_cpu_and(variable, value)
#define raw_cpu_or(variable, value) this_cpu_or(variable, value)
#define raw_cpu_add_return(variable, value) this_cpu_add_return(variable, value)
#define raw_cpu_sub_return(variable, value) this_cpu_sub_return(variable, value)
#define raw_cpu_inc_return(variable) this_cpu_inc_return(variable)
#define raw_cpu_dec_return(variable) this_cpu_dec_return(variable)
#define raw_cpu_xchg(variable, value) this_cpu_xchg(variable, value)
#define raw_cpu_cmpxchg(variable, old, value) this_cpu_cmpxchg(variable, old, value)
#define raw_cpu_try_cmpxchg(variable, old_pointer, value) this_cpu_try_cmpxchg(variable, old_pointer, value)
#define __this_cpu_read(variable) this_cpu_read(variable)
#define __this_cpu_write(variable, value) this_cpu_write(variable, value)
#define __this_cpu_add(variable, value) this_cpu_add(variable, value)
#define __this_cpu_sub(variable, value) this_cpu_sub(variable, value)
#define __this_cpu_inc(variable) this_cpu_inc(variable)
#define __this_cpu_dec(variable) this_cpu_dec(variable)
#define __this_cpu_and(variable, value) this_cpu_and(variable, value)
#define __this_cpu_or(variable, value) this_cpu_or(variable, value)
#define __this_cpu_add_return(variable, value) this_cpu_add_return(variable, value)
#define __this_cpu_sub_return(variable, value) this_cpu_sub_return(variable, value)
#define __this_cpu_inc_return(variable) this_cpu_inc_return(variable)
#define __this_cpu_dec_return(variable) this_cpu_dec_return(variable)
#define __this_cpu_xchg(variable, value) this_cpu_xchg(variable, value)
#define __this_cpu_cmpxchg(variable, old, value) this_cpu_cmpxchg(variable, old, value)
#define __this_cpu_try_cmpxchg(variable, old_pointer, value) this_cpu_try_cmpxchg(variable, old_pointer, value)

#endif
