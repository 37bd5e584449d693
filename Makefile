# libmalloc: make (build), make test, make demo, make install PREFIX=/usr/local. See README.md.

VERSION := 0.2.0
SOVERSION := 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BUILD := build

CC ?= cc
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unknown-warning-option -Wno-missing-attributes -Wno-prio-ctor-dtor
# The compiler must not treat our malloc as the one it knows: it would turn malloc and memset into calloc, inside calloc.
# And our own calls of malloc and realloc go to whichever the process is bound to (clang would take the one in the file).
NOBUILTIN := -fsemantic-interposition -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-builtin-aligned_alloc
CFLAGS_ALL := -std=gnu17 -fPIC -fvisibility=hidden -ftls-model=initial-exec $(NOBUILTIN) $(WARN) -Isrc -Iinclude $(OPT) $(CFLAGS)
# initfirst: the options are read and the fork handlers registered before any other library's constructor runs.
CFLAGS_ALL += $(if $(DEBUG),-DLM_DEBUG)
# nodelete: dlclose leaves the library where it is, since blocks and thread exits still need it.
# noseparate-code: two mappings less at each start.
LDFLAGS_SO := -shared -Wl,-soname,libmalloc.so.$(SOVERSION) -Wl,-z,now -Wl,-z,relro -Wl,-z,initfirst -Wl,-z,nodelete -Wl,-z,noseparate-code \
	-Wl,-z,defs

LAYERS := base os page slab large malloc control api
# What few programs call is linked behind what all run: so those pages stay out of their memory. What is called seldom is
# built for size.
BEHIND := $(foreach file,api/% base/report base/text os/low control/% malloc/libc_heap malloc/pointer slab/object_%,src/$(file).c)
FOUND := $(foreach layer,$(LAYERS),$(sort $(wildcard src/$(layer)/*.c)))
SELDOM := $(filter-out %/cache.o %/malloc.o %/percpu.o %/pool.o %/region.o %_alloc.o %_bin.o,\
	$(patsubst src/%.c,$(BUILD)/obj/%.o,$(filter $(BEHIND),$(FOUND))))
SOURCES := $(filter-out $(BEHIND),$(FOUND)) $(filter $(BEHIND),$(FOUND))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
# In a static archive another definition of dlopen could not find the real one.
STATIC_OBJECTS := $(filter-out %/dlopen.o,$(OBJECTS))

.PHONY: all test bench bench-quick demo install uninstall clean
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
$(BUILD)/obj/malloc/dlopen.o: CFLAGS_ALL += -O2 -foptimize-sibling-calls
# An exception passes through operator new; one operator jumps to another, straight through the global offset table.
$(BUILD)/obj/malloc/cxx.o: CFLAGS_ALL += -O2 -foptimize-sibling-calls -fexceptions -fno-plt

$(SELDOM): CFLAGS_ALL := $(subst -O2,-Os,$(CFLAGS_ALL))
$(BUILD)/obj/%.o: src/%.c Makefile
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

# Installs what the suites need where it can, then runs them all; the last line is the sum.
test: all
	tools/setup
	tests/run

# To bench/out/report.html. BENCH_FLAGS: options of bench/run. What cannot be installed or built is left out, and the report
# says so.
bench bench-quick: all
	for packages in bench/*/packages; do tools/setup $$packages || true; done
	$(MAKE) -f bench/runner/build.mk BUILD=$(BUILD)
	-$(MAKE) -k -f bench/build.mk BUILD=$(BUILD)
	BUILD=$(BUILD) bench/run $(if $(filter bench-quick,$@),--quick) $(BENCH_FLAGS)

clean:
	rm -rf $(BUILD)

# make install, uninstall: see README.md. DESTDIR is put before every path; the manual page gets its table of options here.
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
# A program that never names malloc itself is to have it too, both where libraries not named are left out and from the archive.
LINK_MALLOC := -Wl,--undefined=malloc,--push-state,--no-as-needed -lmalloc -Wl,--pop-state
PUBLIC_HEADERS := $(wildcard include/libmalloc/*.h include/libmalloc/kernel/*.h)
MANUALS := $(wildcard man/*.3)
INSTALLED := $(addprefix $(LIBDIR)/,libmalloc.so.$(VERSION) libmalloc.so.$(SOVERSION) libmalloc.so libmalloc.a \
	pkgconfig/libmalloc.pc) $(INCLUDEDIR)/libmalloc.h $(PUBLIC_HEADERS:include/%=$(INCLUDEDIR)/%) \
	$(MANDIR)/man3/libmalloc.3 $(MANUALS:man/%=$(MANDIR)/man3/%)
OF_ANY_VERSION = $(wildcard $(foreach minor,[0-9] [0-9][0-9],$(foreach patch,[0-9] [0-9][0-9],\
	$(DESTDIR)$(LIBDIR)/libmalloc.so.$(SOVERSION).$(minor).$(patch))))
# Nothing that make or a shell would take apart: rm would get other names. drop: the text without these characters.
FOLDERS := PREFIX LIBDIR INCLUDEDIR MANDIR DESTDIR
FIT_SIGNS := a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R S T U V W X Y Z \
	0 1 2 3 4 5 6 7 8 9 / . _ - + @ ~ :
drop = $(if $(1),$(call drop,$(wordlist 2,99,$(1)),$(subst $(firstword $(1)),,$(2))),$(2))
UNFIT = $(strip $(foreach folder,$(FOLDERS),$(if $(word 2,[$($(folder))])$(call drop,$(FIT_SIGNS),$($(folder))),$(folder))))
FIT = $(if $(UNFIT),$(error $(UNFIT): a folder's name may hold letters, digits and / . _ - + @ ~ : only))

$(BUILD)/options-table: tools/options-table.c $(OBJECTS)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^
$(BUILD)/libmalloc.3: man/libmalloc.3.in $(BUILD)/options-table
	env -i $(abspath $(BUILD)/options-table) >$(BUILD)/options.mdoc
	sed -e '/^@OPTIONS@$$/{r $(BUILD)/options.mdoc' -e 'd;}' -e 's/@VERSION@/$(VERSION)/' $< >$@

# Programs may start on the library meanwhile: tools/place replaces each file at once, and the links come after what they
# name. Then the files of other versions go: ldconfig would turn the link to the newest, and not to the one that is installed.
install: all $(BUILD)/libmalloc.3
	$(FIT)
	printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' 'Name: libmalloc' \
		'Description: a drop-in malloc' 'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
		'Libs: -L$${libdir} $(LINK_MALLOC)' >$(BUILD)/libmalloc.pc
	for folder in $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(INCLUDEDIR)/libmalloc/kernel $(MANDIR)/man3); do \
		test -d $$folder || install -d $$folder || exit; done
	tools/place 755 $(BUILD)/libmalloc.so.$(VERSION) $(DESTDIR)$(LIBDIR)
	tools/place link libmalloc.so.$(VERSION) $(DESTDIR)$(LIBDIR)/libmalloc.so.$(SOVERSION)
	tools/place link libmalloc.so.$(SOVERSION) $(DESTDIR)$(LIBDIR)/libmalloc.so
	tools/place 644 $(BUILD)/libmalloc.a $(DESTDIR)$(LIBDIR)
	tools/place 644 include/libmalloc.h $(DESTDIR)$(INCLUDEDIR)
	tools/place 644 include/libmalloc/*.h $(DESTDIR)$(INCLUDEDIR)/libmalloc
	tools/place 644 include/libmalloc/kernel/*.h $(DESTDIR)$(INCLUDEDIR)/libmalloc/kernel
	tools/place 644 $(BUILD)/libmalloc.3 $(MANUALS) $(DESTDIR)$(MANDIR)/man3
	tools/place 644 $(BUILD)/libmalloc.pc $(DESTDIR)$(LIBDIR)/pkgconfig
	rm -f $(filter-out %/libmalloc.so.$(VERSION),$(OF_ANY_VERSION))
uninstall:
	$(FIT)
	rm -f $(addprefix $(DESTDIR),$(INSTALLED)) $(OF_ANY_VERSION)
	-rmdir $(addprefix $(DESTDIR)$(INCLUDEDIR)/libmalloc,/kernel /)

demo: all
	@CC='$(CC)' tools/demo $(BUILD)
