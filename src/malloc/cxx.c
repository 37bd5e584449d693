/*
 * cxx.c - the twenty replaceable operator new and delete of C++ ([new.delete]), under their mangled names.
 *
 * Four of them work: new and delete, plain and aligned. The other sixteen call one of these as the standard's default
 * definitions do, so that a program which replaces the four has replaced all:
 *
 *      nothrow new[] -> new[] -> new <- nothrow new            aligned: the same among themselves
 *      nothrow or sized delete[] -> delete[] -> delete <- nothrow or sized delete
 *
 * Such a call, like that of the process's malloc (follow.h), goes through the global offset table. The operators are
 * weak: in a static link the program's own definitions win. Sizes and alignments given to delete are not needed.
 *
 * When memory runs out the new-handler is called, and std::bad_alloc thrown, with no C++ library linked to this one:
 *
 *      a program that is linked with a C++ library, shared or static, binds our weak references. The loop over the
 *      handlers is ours then, and so is the catch of the nothrow forms.
 *
 *      a C++ library that came late, with a plug-in, is visible to the plug-in alone. Its operator is looked up in the
 *      object that called us, each time anew since that may be closed, and does it all: no second loop here.
 *
 * The Makefile sees to two things: an exception can pass through this file, and a call of another operator in tail
 * position is a jump, which keeps the address of the caller.
 */
#define _GNU_SOURCE
#include "base/bits.h"
#include "base/compiler.h"
#include "base/report.h"
#include "malloc/follow.h"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
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

OPERATOR void _ZdlPv(void *block), _ZdaPv(void *block);
OPERATOR void _ZdlPvm(void *block, size_t bytes), _ZdaPvm(void *block, size_t bytes);
OPERATOR void _ZdlPvRKSt9nothrow_t(void *block, const struct nothrow *tag);
OPERATOR void _ZdaPvRKSt9nothrow_t(void *block, const struct nothrow *tag);
OPERATOR void _ZdlPvSt11align_val_t(void *block, size_t alignment);
OPERATOR void _ZdaPvSt11align_val_t(void *block, size_t alignment);
OPERATOR void _ZdlPvmSt11align_val_t(void *block, size_t bytes, size_t alignment);
OPERATOR void _ZdaPvmSt11align_val_t(void *block, size_t bytes, size_t alignment);
OPERATOR void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const struct nothrow *tag);
OPERATOR void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, const struct nothrow *tag);

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

/* The two that release, and all that come down to them. */
void _ZdlPv(void *block) { follow_free(block); }
void _ZdlPvSt11align_val_t(void *block, IGNORED size_t alignment) { follow_free(block); }

void _ZdaPv(void *block) { _ZdlPv(block); }
void _ZdlPvm(void *block, IGNORED size_t bytes) { _ZdlPv(block); }
void _ZdaPvm(void *block, IGNORED size_t bytes) { _ZdaPv(block); }
void _ZdlPvRKSt9nothrow_t(void *block, IGNORED const struct nothrow *tag) { _ZdlPv(block); }
void _ZdaPvRKSt9nothrow_t(void *block, IGNORED const struct nothrow *tag) { _ZdaPv(block); }

void _ZdaPvSt11align_val_t(void *block, size_t alignment) { _ZdlPvSt11align_val_t(block, alignment); }

void _ZdlPvmSt11align_val_t(void *block, IGNORED size_t bytes, size_t alignment)
{
	_ZdlPvSt11align_val_t(block, alignment);
}

void _ZdaPvmSt11align_val_t(void *block, IGNORED size_t bytes, size_t alignment)
{
	_ZdaPvSt11align_val_t(block, alignment);
}

void _ZdlPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, IGNORED const struct nothrow *tag)
{
	_ZdlPvSt11align_val_t(block, alignment);
}

void _ZdaPvSt11align_val_tRKSt9nothrow_t(void *block, size_t alignment, IGNORED const struct nothrow *tag)
{
	_ZdaPvSt11align_val_t(block, alignment);
}

/*
 * try { return operator new(...); } catch (...) { return nullptr; } in C: the caller's frame names a personality, which
 * the unwinder asks what to do with an exception (Itanium C++ ABI, "Exception Handling"). Ours ends the exception and
 * lets the frame go on behind the call, as if that had returned NULL: the first register for exception data is also
 * the one for results. What is no exception, the end of a thread, passes through.
 */
#define CATCH_AS_NULL __asm__ volatile(".cfi_personality 0x1b, cxx_catch_as_null") /* pc-relative, 4 bytes */
#define NO_TAIL_CALL(block) __asm__ volatile("" : "+r"(block))

__attribute__((used)) _Unwind_Reason_Code cxx_catch_as_null(int version, _Unwind_Action actions,
							    _Unwind_Exception_Class kind,
							    struct _Unwind_Exception *exception,
							    struct _Unwind_Context *frame);
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

void *_ZnwmRKSt9nothrow_t(size_t bytes, const struct nothrow *tag)
{
	return can_catch() ? plain_or_null(_Znwm, bytes) : nothrow_without_catch(bytes, PLAIN, tag, CALLER);
}

void *_ZnamRKSt9nothrow_t(size_t bytes, const struct nothrow *tag)
{
	return can_catch() ? plain_or_null(_Znam, bytes) : nothrow_without_catch(bytes, PLAIN, tag, CALLER);
}

void *_ZnwmSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t alignment, const struct nothrow *tag)
{
	return can_catch() ? aligned_or_null(_ZnwmSt11align_val_t, bytes, alignment)
			   : nothrow_without_catch(bytes, alignment, tag, CALLER);
}

void *_ZnamSt11align_val_tRKSt9nothrow_t(size_t bytes, size_t alignment, const struct nothrow *tag)
{
	return can_catch() ? aligned_or_null(_ZnamSt11align_val_t, bytes, alignment)
			   : nothrow_without_catch(bytes, alignment, tag, CALLER);
}

/* A malloc of the program's own may have no block of 0 bytes. */
static void *try_once(size_t bytes, size_t alignment)
{
	bytes = size_max(bytes, 1);
	return alignment == PLAIN ? follow_malloc(bytes) : aligned_block(bytes, alignment);
}

/* [new.delete.single]: a handler may find memory, put another one in its place, or throw; without one we throw. */
static void *try_with_handler(size_t bytes, size_t alignment)
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

static void *definition_seen_by(const char *object, const char *name)
{
	void *handle = dlopen(object, RTLD_LAZY | RTLD_NOLOAD);
	if (handle == NULL)
		return NULL;
	void *found = dlsym(handle, name);
	dlclose(handle);
	return found;
}

/*
 * The definition of `name` that the object which contains `caller` sees; NULL if there is none but `ours`. To open an
 * object that came with another one takes a little memory, and there may be none: then it is the turn of the other one,
 * which stands before it in the list, is open already, and sees the same.
 */
static void *late_operator(const char *name, const void *ours, const void *caller)
{
	Dl_info unused;
	struct link_map *object = NULL;
	if (dlopen != NULL && dladdr1 != NULL)
		dladdr1(caller, &unused, (void **)&object, RTLD_DL_LINKMAP);
	for (; object != NULL; object = object->l_prev) {
		void *found = definition_seen_by(object->l_name, name);
		if (found != NULL && found != ours)
			return found;
	}
	return NULL;
}

#define LATE_OPERATOR(symbol, caller) ((__typeof__(&symbol))late_operator(#symbol, (void *)symbol, caller))

/* The aligned operators of libstdc++ round an impossible size up, past zero, and succeed. */
static size_t refusable(size_t bytes) { return bytes < PTRDIFF_MAX ? bytes : PTRDIFF_MAX; }

static void *late_new(size_t bytes, size_t alignment, const void *caller)
{
	if (alignment == PLAIN) {
		plain_new *new = LATE_OPERATOR(_Znwm, caller);
		if (new != NULL)
			return new(refusable(bytes));
	} else {
		aligned_new *new = LATE_OPERATOR(_ZnwmSt11align_val_t, caller);
		if (new != NULL)
			return new(refusable(bytes), alignment);
	}
	report_internal("operator new: out of memory, and no C++ library to throw std::bad_alloc");
}

static void *late_nothrow_new(size_t bytes, size_t alignment, const struct nothrow *tag, const void *caller)
{
	if (alignment == PLAIN) {
		plain_nothrow_new *new = LATE_OPERATOR(_ZnwmRKSt9nothrow_t, caller);
		return new == NULL ? NULL : new(refusable(bytes), tag);
	}
	aligned_nothrow_new *new = LATE_OPERATOR(_ZnwmSt11align_val_tRKSt9nothrow_t, caller);
	return new == NULL ? NULL : new(refusable(bytes), alignment, tag);
}

static cold void *new_failed(size_t bytes, size_t alignment, const void *caller)
{
	void *block = bytes == 0 ? try_once(bytes, alignment) : NULL;
	if (block != NULL)
		return block;
	if (_ZSt17__throw_bad_allocv == NULL)
		return late_new(bytes, alignment, caller);
	return try_with_handler(bytes, alignment);
}

/* A nothrow form where nothing can be caught here: only the late library can. */
static cold void *nothrow_without_catch(size_t bytes, size_t alignment, const struct nothrow *tag, const void *caller)
{
	void *block = try_once(bytes, alignment);
	return block != NULL ? block : late_nothrow_new(bytes, alignment, tag, caller);
}
