/*
 * request.h - a request for memory, and the one way to serve it: try; give back what is idle, and try; wait; report.
 *
 *      try -> a block
 *       | NULL
 *      give back all that is idle, try        not with LM_NORETRY, LM_NOSYSCALL
 *       | NULL
 *      an object of a larger class            for a small request that says nothing about where
 *       | NULL
 *      wait, and all of this again            with LM_NOFAIL
 *       | without
 *      a line, errno                          not with LM_NOWARN, LM_NOSYSCALL
 */
#ifndef LM_HEAP_REQUEST_H
#define LM_HEAP_REQUEST_H

#include "base/compiler.h"
#include "large/run.h"

#include <libmalloc/flags.h>

/* Owner: the caller's stack; constant while it is served. */
struct request {
	size_t bytes;
	size_t alignment;     /* 0 or 16: none beyond malloc's */
	unsigned size_class;  /* of a small object; 0: whole pages, or whatever `attempt` knows */
	unsigned flags;       /* LM_... of libmalloc/flags.h */
	const char *function; /* for the line; NULL: the caller reports, and sets errno */

	/* Tries once: a block, or NULL if there is no memory at hand. */
	void *(*attempt)(const struct request *request);
	/*
	 * NULL: waiting is a sleep. Else `attempt` is an allocator of the program. The function waits until another
	 * attempt may succeed, and returns a block if the wait brought one. Nothing idle of ours is given back.
	 */
	void *(*wait)(const struct request *request);
	void *context; /* for both */
};

static inline enum large_content request_content(const struct request *request)
{
	return request->flags & LM_ZERO ? LARGE_ZEROED : LARGE_ANY;
}

static inline enum page_how request_how(const struct request *request)
{
	return request->flags & LM_NOSYSCALL ? PAGES_QUIET : PAGES_GROW;
}

/* A run of a zone's pages for the request, or NULL. */
static inline void *request_run(const struct request *request, enum zone_id zone)
{
	return run_alloc(zone, request_how(request), request->bytes, request->alignment, request_content(request));
}

/* A block, and errno as it was; or NULL, if attempt failed and `flags` allow no more. */
void *request_serve(const struct request *request);

/* The rest of request_serve, after a first attempt that failed. */
cold void *request_serve_short(const struct request *request);

/*
 * Gives back what the depots hold, empty slabs of object caches, free pages and idle pages in slabs. May call
 * destructors of the program. No lock is held. True if holes before the top of the heap are given back (reclaim.h).
 */
cold bool reclaim_all(void);

/*
 * What object caches do for the heap: free() and realloc() take their objects too, and a shortage of memory empties
 * their slabs. Creating a cache registers them, so that programs without caches need none of their code. Constant.
 */
struct objects_of_caches {
	/* Gives an object back to its cache: false if it belongs to none. */
	bool (*free)(void *object, const char *function);
	/* The bytes that may be used from `object` on; 0 if no object of a cache begins there. */
	size_t (*usable)(const void *object);
	/* Gives back all empty slabs. May call the program. No lock is held. */
	void (*reap)(void);
};

/* NULL: there was no cache yet. Each creation of a cache stores the same pointer. */
extern const struct objects_of_caches *_Atomic objects_registered LM_HIDDEN;

/* Acquire pairs with the release in objects_register. An object exists only after its cache registered. */
static inline const struct objects_of_caches *objects_of_caches(void)
{
	return atomic_load_explicit(&objects_registered, memory_order_acquire);
}

cold void objects_register(const struct objects_of_caches *functions);

#endif
