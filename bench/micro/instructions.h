/*
 * instructions.h - how many instructions the process executes in user mode, counted by the processor through
 * perf_event_open(2). Many machines have no such counter for us (virtual ones, strict perf_event_paranoid): then
 * nothing is read, and nothing is to be reported.
 */
#ifndef INSTRUCTIONS_H
#define INSTRUCTIONS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* file is -1 where there is no counter; begin and end are its values at the two calls. */
struct instructions {
	int file;
	uint64_t begin, end;
};

/* Counts from now on, threads and processes that start later included. */
void instructions_open(struct instructions *instructions);

void instructions_begin(struct instructions *instructions);
void instructions_end(struct instructions *instructions);

/* The count between the two calls; false where nothing was counted. */
bool instructions_read(const struct instructions *instructions, uint64_t *count);

#ifdef __cplusplus
}
#endif

#endif
