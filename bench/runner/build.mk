# What the runner itself needs, from the root: make -f bench/runner/build.mk [BUILD=build].

BUILD := build
OUT := $(BUILD)/bench
CC ?= cc

.PHONY: all
all: $(OUT)/runner/measure $(OUT)/runner/empty.so
	@:

$(OUT)/runner/measure: bench/runner/measure.c bench/runner/build.mk
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) -std=gnu17 -O2 -Wall -Wextra -static -o $@ $<

# A library with nothing in it: what any LD_PRELOAD costs.
$(OUT)/runner/empty.so: bench/runner/build.mk
	@mkdir -p $(@D)
	@$(CC) -shared -o $@ -x c /dev/null
