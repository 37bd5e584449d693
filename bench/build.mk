# Builds the benchmark programs, from the root: make -f bench/build.mk [BUILD=build].
#
# Each C file of a folder named below is one program: bench/macro/server.c becomes $(BUILD)/bench/macro/server.
# bench/micro is one program, $(BUILD)/bench/micro/micro, on top of Debian's libbenchmark-dev (bench/micro/packages).

BUILD := build
OUT := $(BUILD)/bench
FOLDERS := macro latency memory scale programs start sweep

CC ?= cc
CXX ?= c++
# The allocator under test is called wherever the source says so: no pair is dropped, no malloc becomes a calloc.
NOBUILTIN := -fno-builtin-malloc -fno-builtin-free -fno-builtin-calloc -fno-builtin-realloc
FLAGS := -O2 -g -Wall -Wextra -pthread $(NOBUILTIN) -MMD -MP

PROGRAMS := $(patsubst bench/%.c,$(OUT)/%,$(foreach folder,$(FOLDERS),$(wildcard bench/$(folder)/*.c)))
MICRO_OBJECTS := $(patsubst bench/%,$(OUT)/%.o,$(wildcard bench/micro/*.c bench/micro/*.cc))

.PHONY: all
all: $(PROGRAMS) $(OUT)/micro/micro
	@:

$(PROGRAMS): $(OUT)/%: bench/%.c bench/build.mk
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) -std=gnu17 $(FLAGS) -MF $@.d -o $@ $< -lm

$(OUT)/micro/%.c.o: bench/micro/%.c bench/build.mk
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) -std=gnu17 $(FLAGS) -c -o $@ $<

$(OUT)/micro/%.cc.o: bench/micro/%.cc bench/build.mk
	@mkdir -p $(@D)
	@echo "CXX $<"
	@$(CXX) -std=c++17 $(FLAGS) -c -o $@ $<

$(OUT)/micro/micro: $(MICRO_OBJECTS)
	@$(CXX) -pthread -o $@ $^ -lbenchmark

-include $(PROGRAMS:=.d) $(MICRO_OBJECTS:.o=.d)
