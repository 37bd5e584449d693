/*
 * shim.h - google-benchmark for C: a test has a name, a body and an argument; the body sets up, loops while it is told
 * to, and cleans up. How often a loop runs is google-benchmark's choice: it calls the body several times, with more
 * and more iterations, until they take long enough, and reports the last call. So what a body needs only once it
 * makes in the first call and keeps.
 *
 *      static void pairs(struct bench_state *state, size_t bytes)
 *      {
 *      	while (bench_next(state, 1000))
 *      		for (int i = 0; i < 1000; i++)
 *      			...                                     one operation
 *      }
 *
 * The loop's count is part of what is measured: 2 ns for each bench_next. Hence the argument `operations`.
 */
#ifndef SHIM_H
#define SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bench_state;

typedef void bench_body(struct bench_state *state, size_t argument);

/* A test by the name of `name` (kept, not copied), which calls body(state, argument). */
void bench_register(const char *name, bench_body *body, size_t argument);

/* Whether `operations` more are to be done. The clock runs from the first call to the one that says no. */
bool bench_next(struct bench_state *state, size_t operations);

/* Operations done so far in this call of the body. */
size_t bench_operations(const struct bench_state *state);

/* After the loop. Operations were made of `items` in all: reported as items_per_second. */
void bench_set_items(struct bench_state *state, size_t items);

/* After the loop. A figure of the body's own: the line "bench: name value". */
void bench_counter(struct bench_state *state, const char *name, double value);

/*
 * Runs a test for `seconds` at least and prints the lines: time_ns and, where the processor counts them for us,
 * instructions (in user mode, of all threads), each for one operation; then counters. Returns whether it ran.
 */
bool bench_run(const char *name, bench_body *body, size_t argument, double seconds);

#ifdef __cplusplus
}
#endif

#endif
