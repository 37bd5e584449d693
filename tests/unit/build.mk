# The unit tests: the internals once a flavour as an archive, and each program linked to it.
#
#   OUT  scratch folder      SRC  the library's sources      HERE  this folder
#
# The entry points that libc and C++ programs call are left out, so that the programs and cmocka stay on libc's malloc.

FLAVOURS := debug asan tsan
FLAGS_debug := -O1
FLAGS_asan := -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_tsan := -O1 -fsanitize=thread -I$(HERE)/tsan

CC ?= cc
NOBUILTIN := -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-builtin-aligned_alloc
FLAGS := -std=gnu17 -g -pthread -ftls-model=initial-exec -DLM_DEBUG -Wall -Wextra -I$(HERE) -I$(SRC) -I$(SRC)/../include

LEFT_OUT := libc/libc libc/cxx libc/dlopen heap/follow libc/start libc/mallopt libc/mallinfo
MODULES := $(filter-out $(LEFT_OUT),$(patsubst $(SRC)/%.c,%,$(wildcard $(SRC)/*/*.c)))
OBJECTS = $(MODULES:%=$(OUT)/$(1)/obj/%.o)
OBJECTS_tsan = $(filter-out %/os/thread_exit.o,$(OBJECTS)) $(OUT)/tsan/tsan/stand_in.o
PROGRAMS := $(filter-out unit,$(patsubst $(HERE)/%.c,%,$(wildcard $(HERE)/*.c)))
# ThreadSanitizer has something to say only where there are threads.
THREADED := $(patsubst $(HERE)/%.c,%,$(shell grep -l UNIT.threads_ $(HERE)/*.c))
PROGRAMS_debug := $(PROGRAMS)
PROGRAMS_asan := $(PROGRAMS)
PROGRAMS_tsan := $(THREADED)

.PHONY: all $(FLAVOURS)
all: $(FLAVOURS)
.SECONDARY:

define flavour_rules
$(1): $(PROGRAMS_$(1):%=$(OUT)/$(1)/%)

$(OUT)/$(1)/obj/%.o: $(SRC)/%.c $(HERE)/build.mk
	@mkdir -p $$(@D)
	@$(CC) $(FLAGS_$(1)) $(FLAGS) $(NOBUILTIN) -MMD -MP -c -o $$@ $$<

$(OUT)/$(1)/internals.a: $(if $(OBJECTS_$(1)),$(OBJECTS_$(1)),$(OBJECTS))
	@rm -f $$@ && ar rcs $$@ $$^

$(OUT)/$(1)/%.o: $(HERE)/%.c $(HERE)/build.mk
	@mkdir -p $$(@D)
	@$(CC) $(FLAGS_$(1)) $(FLAGS) -fno-builtin -MMD -MP -c -o $$@ $$<

$(OUT)/$(1)/%: $(OUT)/$(1)/%.o $(OUT)/$(1)/unit.o $(OUT)/$(1)/internals.a
	@$(CC) $(FLAGS_$(1)) -pthread -o $$@ $$^ -lcmocka
endef
$(foreach flavour,$(FLAVOURS),$(eval $(call flavour_rules,$(flavour))))

-include $(wildcard $(OUT)/*/*.d $(OUT)/*/obj/*/*.d)
