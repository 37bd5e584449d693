/* bins.c - what threads without a cache point at, and the checks of a bin. */
#include "magazine/bins.h"

#include "os/report.h"

const struct bin thread_cache_no_bins[CLASS_COUNT + 1];

const struct object_bin object_bin_none = {
	.first = NO_SLAB,
	.key = UINT64_MAX,
};

_Thread_local struct thread_cache *thread_cache_self __attribute__((tls_model("initial-exec"))) =
	THREAD_CACHE_NONE;

struct object_table object_table_none;

_Thread_local struct object_table *object_table_self __attribute__((tls_model("initial-exec"))) = &object_table_none;

size_t bin_objects(const struct thread_cache *cache, unsigned c)
{
	struct bin_ref ref = bin_ref(cache, c);
	size_t loaded = bin_loaded_objects(ref.bin, ref.state);
	/* While the owner swaps magazines this may be any number: then it counts as empty. */
	if (loaded > size_classes[c].magazine_slots)
		loaded = 0;
	return loaded + load_relaxed(&ref.state->previous_objects);
}

#ifdef LM_DEBUG
void bin_check(const struct thread_cache *cache, unsigned c)
{
	const struct bin *bin = bin_ref(cache, c).bin;
	const struct bin_state *state = bin_ref(cache, c).state;
	const struct magazine *loaded = bin_loaded(state);
	if (loaded == NULL) {
		bool charged = state->charge != 0 && c < CLASS_COUNT;
		if (bin_top(bin) != 0 || bin->limit != 0 || state->previous != NULL || charged)
			report_internal("bin: closed, but not empty");
		return;
	}
	ptrdiff_t last = bin_distance(bin, loaded, size_classes[c].magazine_slots);
	if (bin_top(bin) < bin_distance(bin, loaded, 0) || bin_top(bin) > bin->limit || bin->limit > last)
		report_internal("bin: top or limit out of order");
	if (loaded->bottom != NULL || (state->previous != NULL && state->previous->bottom != NULL))
		report_internal("bin: the bottom is not NULL");
	size_t in_previous = state->previous == NULL ? 0 : state->previous->count;
	if (in_previous > size_classes[c].magazine_slots || in_previous != load_relaxed(&state->previous_objects))
		report_internal("bin: the other magazine is counted wrongly");
	if (state->charge != (size_t)state->limit * bin_magazines(state) * bin_charge_of(c))
		report_internal("bin: the charge is wrong");
}
#endif
