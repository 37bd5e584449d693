# libmalloc: make (build), make test, make demo, make install PREFIX=/usr/local. See README.md.

VERSION := 0.1.0
SOVERSION := 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BUILD ?= build

CC ?= cc
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unknown-warning-option -Wno-missing-attributes
# The compiler must not treat our malloc as the one it knows: it would turn malloc and memset into calloc, inside calloc.
NOBUILTIN := -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-builtin-aligned_alloc
CFLAGS_ALL := -std=gnu17 -fPIC -fvisibility=hidden -ftls-model=initial-exec $(NOBUILTIN) $(WARN) -Isrc -Iinclude $(OPT) $(CFLAGS)
# initfirst: the options are read and the fork handlers registered before any other library's constructor runs.
LDFLAGS_SO := -shared -Wl,-soname,libmalloc.so.$(SOVERSION) -Wl,-z,now -Wl,-z,relro -Wl,-z,initfirst -Wl,-z,defs

LAYERS := base os page slab large malloc control
SOURCES := $(sort $(foreach layer,$(LAYERS),$(wildcard src/$(layer)/*.c)))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
# In a static archive another definition of dlopen could not find the real one.
STATIC_OBJECTS := $(filter-out %/dlopen.o,$(OBJECTS))

.PHONY: all test demo install uninstall clean layers figures
all: $(BUILD)/libmalloc.so $(BUILD)/libmalloc.a

$(BUILD)/libmalloc.so.$(VERSION): $(OBJECTS)
	$(CC) $(LDFLAGS_SO) $(LDFLAGS) -o $@ $^
$(BUILD)/libmalloc.so: $(BUILD)/libmalloc.so.$(VERSION)
	ln -sf libmalloc.so.$(VERSION) $(BUILD)/libmalloc.so.$(SOVERSION)
	ln -sf libmalloc.so.$(SOVERSION) $@

# One object whose hidden symbols are local: the archive shows the program nothing but the interface.
$(BUILD)/libmalloc.a: $(STATIC_OBJECTS)
	$(LD) -r -o $(BUILD)/libmalloc.o $^
	objcopy --localize-hidden $(BUILD)/libmalloc.o
	rm -f $@ && $(AR) rcs $@ $(BUILD)/libmalloc.o

# The tail call in dlopen keeps its caller's address: at every level of optimisation.
$(BUILD)/obj/malloc/dlopen.o: OPT += -O2 -foptimize-sibling-calls
# An exception passes through operator new.
$(BUILD)/obj/malloc/cxx.o: OPT += -fexceptions

$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

clean:
	rm -rf $(BUILD)
