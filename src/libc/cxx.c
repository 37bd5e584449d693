/*
 * cxx.c - the twenty replaceable operator new and delete of C++ ([new.delete]), under their mangled names.
 *
 * Four of them do the work: new and delete, plain and aligned. Each of the others calls another one, as the standard's
 * default definitions do. So a program that replaces the four has replaced all:
 *
 *      nothrow new[] -> new[] -> new <- nothrow new            aligned: the same among themselves
 *      nothrow or sized delete[] -> delete[] -> delete <- nothrow or sized delete
 *
 * Such a call goes through the global offset table, as do the calls of the process's malloc (follow.h). The operators
 * are weak: in a static link the program's own definitions win. Sizes and alignments given to delete are not needed.
 *
 * When memory runs out the new-handler must be called, and std::bad_alloc thrown. No C++ library is linked to this one:
 *
 *      If the program is linked with a C++ library, shared or static, this library binds our weak references. Then the
 *      loop over the handlers, and the catch of the nothrow forms, are here.
 *
 *      A C++ library that came late, with a plug-in, is visible to the plug-in alone. Its operator is looked up in the
 *      object that called us, each time anew since that object may be closed, and does all of this.
 *
 * The Makefile compiles this file so that an exception can pass through it, and so that a call of another operator in
 * tail position is a jump, which keeps the address of the caller.
 */
#define _GNU_SOURCE
#include "base/bits.h"
#include "base/compiler.h"
#include "heap/follow.h"
#include "os/report.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <unwind.h>

#define OPERATOR LM_EXPORT __attribute__((weak))
#define IGNORED __attribute__((unused))
#define CALLER __builtin_return_address(0)

struct nothrow;
typedef void new_handler(void);
typedef void *plain_new(size_t bytes);
typedef void *aligned_new(size_t bytes, size_t alignment);
typedef void *plain_nothrow_new(size_t bytes, const struct nothrow *tag);
typedef void *aligned_nothrow_new(size_t bytes, size_t alignment, const struct nothrow *tag);

OPERATOR plain_new _Znwm, _Znam;
OPERATOR aligned_new _ZnwmSt11align_val_t, _ZnamSt11align_val_t;
OPERATOR plain_nothrow_new _ZnwmRKSt9nothrow_t, _ZnamRKSt9nothrow_t;
OPERATOR aligned_nothrow_new _ZnwmSt11align_val_tRKSt9nothrow_t, _ZnamSt11align_val_tRKSt9nothrow_t;

/* Weak: of the C++ library (std::get_new_handler, std::__throw_bad_alloc), of its unwinder, of the dynamic linker. */
extern new_handler *_ZSt15get_new_handlerv(void) __attribute__((weak));
extern _Noreturn void _ZSt17__throw_bad_allocv(void) __attribute__((weak));
extern void *__cxa_begin_catch(void *exception) __attribute__((weak));
extern void __cxa_end_catch(void) __attribute__((weak));
#pragma weak _Unwind_SetGR
#pragma weak dladdr1
#pragma weak dlclose
#pragma weak dlopen
#pragma weak dlsym

enum { PLAIN = 0 }; /* in place of an alignment */

/* As libstdc++ does it: an aligned_alloc of the program's own may take only multiples of the alignment. */
static void *aligned_block(size_t bytes, size_t alignment)
{
	size_t rounded = round_up(bytes, alignment);
	return follow_aligned_alloc(alignment, likely(rounded >= bytes) ? rounded : bytes);
}

static cold void *new_failed(size_t bytes, size_t alignment, const void *caller);
static cold void *nothrow_without_catch(size_t bytes, size_t alignment, const struct nothrow *tag, const void *caller);

/* The two that allocate, and their array forms. */
void *_Znwm(size_t bytes)
{
	void *block = follow_malloc(bytes);
	return likely(block != NULL) ? block : new_failed(bytes, PLAIN, CALLER);
}

void *_ZnwmSt11align_val_t(size_t bytes, size_t alignment)
{
	void *block = aligned_block(bytes, alignment);
	return likely(block != NULL) ? block : new_failed(bytes, alignment, CALLER);
}

void *_Znam(size_t bytes) { return _Znwm(bytes); }
void *_ZnamSt11align_val_t(size_t bytes, size_t alignment) { return _ZnwmSt11align_val_t(bytes, alignment); }

/* An operator delete: what it does, and the parameters behind `block`. */
#define DELETE(symbol, action, ...)                                                                                    \
	OPERATOR void symbol(void *block __VA_OPT__(, ) __VA_ARGS__);                                                  \
	void symbol(void *block __VA_OPT__(, ) __VA_ARGS__) { action; }
#define SIZE IGNORED size_t bytes
#define ALIGNMENT IGNORED size_t alignment
#define NOTHROW IGNORED const struct nothrow *tag

/* The two that release, and those that call them. */
DELETE(_ZdlPv, follow_free(block))
DELETE(_ZdaPv, _ZdlPv(block))
DELETE(_ZdlPvm, _ZdlPv(block), SIZE)
DELETE(_ZdaPvm, _ZdaPv(block), SIZE)
DELETE(_ZdlPvRKSt9nothrow_t, _ZdlPv(block), NOTHROW)
DELETE(_ZdaPvRKSt9nothrow_t, _ZdaPv(block), NOTHROW)
DELETE(_ZdlPvSt11align_val_t, follow_free(block), ALIGNMENT)
DELETE(_ZdaPvSt11align_val_t, _ZdlPvSt11align_val_t(block, alignment), ALIGNMENT)
DELETE(_ZdlPvmSt11align_val_t, _ZdlPvSt11align_val_t(block, alignment), SIZE, ALIGNMENT)
DELETE(_ZdaPvmSt11align_val_t, _ZdaPvSt11align_val_t(block, alignment), SIZE, ALIGNMENT)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, _ZdlPvSt11align_val_t(block, alignment), ALIGNMENT, NOTHROW)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, _ZdaPvSt11align_val_t(block, alignment), ALIGNMENT, NOTHROW)

/*
 * try { return operator new(...); } catch (...) { return nullptr; } in C: the caller's frame names a personality, which
 * the unwinder asks what to do with an exception (Itanium C++ ABI, "Exception Handling"). This personality ends the
 * exception and lets the frame go on behind the call, as if the call had returned NULL: the first register for
 * exception data is also the one for results. The end of a thread, which is not an exception, passes through.
 */
#define CATCH_AS_NULL __asm__ volatile(".cfi_personality 0x1b, cxx_catch_as_null") /* pc-relative, 4 bytes */
#define NO_TAIL_CALL(block) __asm__ volatile("" : "+r"(block))

__attribute__((used)) cold __typeof__(_Unwind_Reason_Code(int, _Unwind_Action, _Unwind_Exception_Class,
							  struct _Unwind_Exception *, struct _Unwind_Context *))
	cxx_catch_as_null;
_Unwind_Reason_Code cxx_catch_as_null(IGNORED int version, _Unwind_Action actions, IGNORED _Unwind_Exception_Class kind,
				      struct _Unwind_Exception *exception, struct _Unwind_Context *frame)
{
	if (actions & _UA_SEARCH_PHASE)
		return _URC_HANDLER_FOUND;
	if (!(actions & _UA_HANDLER_FRAME))
		return _URC_CONTINUE_UNWIND;
	__cxa_begin_catch(exception);
	__cxa_end_catch();
	_Unwind_SetGR(frame, __builtin_eh_return_data_regno(0), 0);
	return _URC_INSTALL_CONTEXT;
}

static bool can_catch(void) { return likely(_Unwind_SetGR != NULL) && likely(__cxa_begin_catch != NULL); }

static noinline void *plain_or_null(plain_new *new, size_t bytes)
{
	CATCH_AS_NULL;
	void *block = new(bytes);
	NO_TAIL_CALL(block);
	return block;
}

static noinline void *aligned_or_null(aligned_new *new, size_t bytes, size_t alignment)
{
	CATCH_AS_NULL;
	void *block = new(bytes, alignment);
	NO_TAIL_CALL(block);
	return block;
}

#define PLAIN_NOTHROW(symbol, new)                                                                                     \
	void *symbol(size_t bytes, const struct nothrow *tag)                                                          \
	{                                                                                                              \
		return can_catch() ? plain_or_null(new, bytes) : nothrow_without_catch(bytes, PLAIN, tag, CALLER);     \
	}
#define ALIGNED_NOTHROW(symbol, new)                                                                                   \
	void *symbol(size_t bytes, size_t alignment, const struct nothrow *tag)                                        \
	{                                                                                                              \
		return can_catch() ? aligned_or_null(new, bytes, alignment)                                            \
				   : nothrow_without_catch(bytes, alignment, tag, CALLER);                             \
	}
PLAIN_NOTHROW(_ZnwmRKSt9nothrow_t, _Znwm)
PLAIN_NOTHROW(_ZnamRKSt9nothrow_t, _Znam)
ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t, _ZnwmSt11align_val_t)
ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t, _ZnamSt11align_val_t)

/* At least 1 byte: a malloc of the program's own may return NULL for 0 bytes. */
static void *try_once(size_t bytes, size_t alignment)
{
	bytes = size_max(bytes, 1);
	return alignment == PLAIN ? follow_malloc(bytes) : aligned_block(bytes, alignment);
}

/* [new.delete.single]: a handler may find memory, replace itself, or throw; without a handler we throw. */
static void *call_handlers(size_t bytes, size_t alignment)
{
	void *block;
	do {
		new_handler *handler = _ZSt15get_new_handlerv == NULL ? NULL : _ZSt15get_new_handlerv();
		if (handler == NULL)
			_ZSt17__throw_bad_allocv();
		handler();
		block = try_once(bytes, alignment);
	} while (block == NULL);
	return block;
}

/* The definition of `name` that this object sees, or NULL. */
static void *operator_seen_by(const char *object, const char *name)
{
	void *handle = dlopen(object, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return NULL;
	void *operator = dlsym(handle, name);
	dlclose(handle);
	return operator;
}

/*
 * The definition of `name` that the object which contains `caller` sees, other than `ours`; or NULL. If that object
 * came with another one, opening it takes a little memory, and there may be none. Then the object before it in the list
 * is asked: the other one stands there, is open already, and sees the same.
 */
static cold void *late_operator(const char *name, const void *ours, const void *caller)
{
	Dl_info unused;
	struct link_map *object = NULL;
	if (dlopen != NULL && dladdr1 != NULL)
		dladdr1(caller, &unused, (void **)&object, RTLD_DL_LINKMAP);
	for (; object != NULL; object = object->l_prev) {
		void *operator = operator_seen_by(object->l_name, name);
		if (operator != NULL && operator != ours)
			return operator;
	}
	return NULL;
}

#define LATE_OPERATOR(symbol, caller) ((__typeof__(&symbol))late_operator(#symbol, (void *)symbol, caller))

/* The aligned operators of libstdc++ round an impossible size up, past zero, and succeed. */
static size_t limited(size_t bytes) { return size_min(bytes, PTRDIFF_MAX); }

static _Noreturn void stop_without_cxx(size_t bytes)
{
	report_warning(REPORT_OUT_OF_MEMORY ": %zu bytes, and no C++ library to throw std::bad_alloc (operator new)",
		       bytes);
	abort();
}

static void *late_new(size_t bytes, size_t alignment, const void *caller)
{
	plain_new *plain = alignment == PLAIN ? LATE_OPERATOR(_Znwm, caller) : NULL;
	aligned_new *aligned = alignment == PLAIN ? NULL : LATE_OPERATOR(_ZnwmSt11align_val_t, caller);
	if (plain == NULL && aligned == NULL)
		stop_without_cxx(bytes);
	return plain != NULL ? plain(limited(bytes)) : aligned(limited(bytes), alignment);
}

static void *late_nothrow_new(size_t bytes, size_t alignment, const struct nothrow *tag, const void *caller)
{
	if (alignment == PLAIN) {
		plain_nothrow_new *new = LATE_OPERATOR(_ZnwmRKSt9nothrow_t, caller);
		return new == NULL ? NULL : new(limited(bytes), tag);
	}
	aligned_nothrow_new *new = LATE_OPERATOR(_ZnwmSt11align_val_tRKSt9nothrow_t, caller);
	return new == NULL ? NULL : new(limited(bytes), alignment, tag);
}

static cold void *new_failed(size_t bytes, size_t alignment, const void *caller)
{
	void *block = bytes == 0 ? try_once(bytes, alignment) : NULL;
	if (block != NULL)
		return block;
	if (_ZSt17__throw_bad_allocv == NULL)
		return late_new(bytes, alignment, caller);
	return call_handlers(bytes, alignment);
}

/* A nothrow form if nothing can be caught here: only the late library can. */
static cold void *nothrow_without_catch(size_t bytes, size_t alignment, const struct nothrow *tag, const void *caller)
{
	void *block = try_once(bytes, alignment);
	return block != NULL ? block : late_nothrow_new(bytes, alignment, tag, caller);
}
