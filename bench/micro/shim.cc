/*
 * shim.cc - see shim.h: the one file of C++. google-benchmark runs the loops and its reporter prints what the runner
 * reads. A bench_state is a benchmark::State by another name.
 *
 * Instructions are counted from the first bench_next of a body's call to the last one. The counter belongs to the
 * process and its later threads; there is one test at a time.
 */
#include "shim.h"

#include "instructions.h"

#include <benchmark/benchmark.h>
#include <cstdio>
#include <string>
#include <vector>

static benchmark::State *state_of(bench_state *state) { return reinterpret_cast<benchmark::State *>(state); }

static struct instructions instructions;

extern "C" bool bench_next(bench_state *state, size_t operations)
{
	benchmark::State *own = state_of(state);
	if (own->iterations() == 0)
		instructions_begin(&instructions);
	bool goes_on = own->KeepRunningBatch(static_cast<benchmark::IterationCount>(operations));
	if (!goes_on)
		instructions_end(&instructions);
	return goes_on;
}

extern "C" size_t bench_operations(const bench_state *state)
{
	return static_cast<size_t>(reinterpret_cast<const benchmark::State *>(state)->iterations());
}

extern "C" void bench_set_items(bench_state *state, size_t items)
{
	state_of(state)->SetItemsProcessed(static_cast<int64_t>(items));
}

extern "C" void bench_counter(bench_state *state, const char *name, double value)
{
	state_of(state)->counters[name] = value;
}

namespace {

class LineReporter : public benchmark::BenchmarkReporter {
public:
	bool good = false;

	bool ReportContext(const Context &) override { return true; }

	void ReportRuns(const std::vector<Run> &runs) override
	{
		for (const Run &run : runs)
			report(run);
	}

private:
	void report(const Run &run)
	{
		double operations = static_cast<double>(run.iterations);
		uint64_t counted = 0;
		good = !run.error_occurred;
		std::printf("bench: time_ns %.3f\n", run.real_accumulated_time * 1e9 / operations);
		if (instructions_read(&instructions, &counted))
			std::printf("bench: instructions %.2f\n", static_cast<double>(counted) / operations);
		for (const auto &counter : run.counters)
			std::printf("bench: %s %.3f\n", counter.first.c_str(), counter.second.value);
	}
};

} // namespace

extern "C" bool bench_run(const char *name, bench_body *body, size_t argument, double seconds)
{
	LineReporter reporter;
	instructions_open(&instructions);
	benchmark::RegisterBenchmark(name, [=](benchmark::State &state) {
		body(reinterpret_cast<bench_state *>(&state), argument);
	})->MinTime(seconds)->UseRealTime();
	benchmark::RunSpecifiedBenchmarks(&reporter, ".");
	std::fflush(stdout);
	return reporter.good;
}
