# libmalloc: `make` builds the library, `make help` lists all targets and variables. See README.md.

VERSION := 0.2.0
SOVERSION := 0
PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
BUILD := build

define HELP
Targets:
  make               builds $(BUILD)/libmalloc.so, libmalloc.a and the manual page libmalloc.3
  make demo          runs a program on glibc and on libmalloc, shows time and memory; half a minute
  make check         the quick tests: the rules of the sources, and each module alone; about a minute
  make test          all tests; about ten minutes on two processors; installs Debian packages (see INSTALL)
  make bench         all benchmarks; an hour or more
  make bench-quick   some benchmarks; about three minutes
  make debug         builds $(BUILD)/debug/libmalloc.so, which checks itself as it runs
  make install       installs the library, its headers and manual pages; see PREFIX
  make uninstall     removes what `make install` installed
  make clean         removes the folder $(BUILD)
  make help          prints this list
Variables, as in `make test INSTALL=no`:
  INSTALL=no         test, check and bench install no package; what cannot run is skipped (yes)
  SUITES='api cxx'   test runs these suites only; SUITES=? lists them; `api/debug` is api on the debug build
  BENCH_FLAGS=...    options of bench/run, for bench and bench-quick
  V=1                prints whole commands (0)
  BUILD=folder       where all that is built goes (build)
  DEBUG=1            the library checks itself as it runs (0)
  CC=clang           the compiler (cc)
  OPT='-O3'          optimisation (-O2 -g)
  CFLAGS, LDFLAGS    more options for the compiler and for the linker
  PREFIX=/usr        where install puts things (/usr/local); this folder and those below begin with /
  LIBDIR=folder      the libraries (PREFIX/lib)
  INCLUDEDIR=folder  the headers (PREFIX/include)
  MANDIR=folder      the manual pages (PREFIX/share/man)
  DESTDIR=folder     is put before all these paths; for packages
endef

TARGETS := all demo check test bench bench-quick debug install uninstall clean help
.PHONY: $(TARGETS) FORCE

# A mistake in the command line ends with one line, before anything is done.
COMMA := ,
SIGNS := : ; & | * ? < > ( ) [ ] { } ' " ` % ~ ! = \ $$ \# $(COMMA)
ifneq ($(words $(BUILD)) $(words [$(BUILD)]) $(strip $(foreach sign,$(SIGNS),$(findstring $(sign),$(BUILD)))),1 1 )
$(error BUILD='$(BUILD)': the name of a folder may hold letters, digits and / . _ - + @ only)
endif
UNKNOWN := $(filter-out $(TARGETS) $(BUILD)/%,$(MAKECMDGOALS))
ifneq ($(UNKNOWN),)
$(error there is no target '$(firstword $(UNKNOWN))'; `make help` lists them)
endif
# one_of: stops unless variable $(1) is empty or one of the words $(2).
one_of = $(if $($(1)),$(if $(and $(filter $(2),$($(1))),$(filter 1,$(words $($(1))))),,$(error $(1)='$($(1))': must be $(word 1,$(2)) or $(word 2,$(2)))))
$(call one_of,V,0 1)
$(call one_of,DEBUG,0 1)
$(if $(filter test check bench bench-quick,$(MAKECMDGOALS)),$(call one_of,INSTALL,yes no))
DEBUGGED := $(filter 1,$(DEBUG))

CC ?= cc
OPT ?= -O2 -g
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wno-unknown-warning-option -Wno-missing-attributes -Wno-prio-ctor-dtor
# The compiler must not treat our malloc as the one it knows: it would turn malloc and memset into calloc, inside calloc.
# And our own calls of malloc and realloc go to whichever the process is bound to (clang would take the one in the file).
NOBUILTIN := -fsemantic-interposition -fno-builtin-malloc -fno-builtin-calloc -fno-builtin-realloc -fno-builtin-free -fno-builtin-aligned_alloc
# Code that many programs share should be small: functions that are not called often are marked cold in the sources, and of
# the rest only small ones are inlined. Only jump targets are padded: without that malloc and free are slower.
SMALL := -fno-align-functions -fno-align-loops -fno-align-labels -fno-tree-vectorize --param max-inline-insns-auto=10 \
	-Wno-ignored-optimization-argument -Wno-unused-command-line-argument
CFLAGS_ALL := -std=gnu17 -fPIC -fvisibility=hidden -ftls-model=initial-exec $(NOBUILTIN) $(WARN) -Isrc -Iinclude $(SMALL) $(OPT) $(CFLAGS)
# initfirst: the options are read and the fork handlers registered before any other library's constructor runs.
CFLAGS_ALL += $(if $(DEBUGGED),-DLM_DEBUG)
# nodelete: dlclose leaves the library where it is, since blocks and thread exits still need it.
# noseparate-code: two mappings less at each start. nostartfiles, dynamic-list: the loader has fewer names to look up.
LDFLAGS_SO := -shared -Wl,-soname,libmalloc.so.$(SOVERSION) -Wl,-z,now -Wl,-z,relro -Wl,-z,initfirst -Wl,-z,nodelete -Wl,-z,noseparate-code \
	-Wl,-z,defs -nostartfiles -Wl,--dynamic-list=src/libc/interposed

SOURCES := $(sort $(wildcard src/*/*.c))
OBJECTS := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
# In a static archive another definition of dlopen could not find the real one.
STATIC_OBJECTS := $(filter-out %/dlopen.o,$(OBJECTS))

# What is printed: a short line for each file, or with V=1 the whole commands.
VERBOSE := $(filter 1,$(V))
Q := $(if $(VERBOSE),,@)
say = $(if $(VERBOSE)$(findstring s,$(firstword -$(MAKEFLAGS))),,@echo '$(1) $(2)$(if $(DEBUGGED), (debug))')

all: $(BUILD)/libmalloc.so $(BUILD)/libmalloc.a $(BUILD)/libmalloc.3
# The same for other targets, which write more into the folder. It prints nothing where nothing is to be done.
.PHONY: $(BUILD)/all
$(BUILD)/all: all
	$(ready)
	@:

$(BUILD)/libmalloc.so.$(VERSION): $(OBJECTS)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_SO) $(LDFLAGS) -o $@ $^
$(BUILD)/libmalloc.so: $(BUILD)/libmalloc.so.$(VERSION)
	$(Q)ln -sf libmalloc.so.$(VERSION) $(BUILD)/libmalloc.so.$(SOVERSION)
	$(Q)ln -sf libmalloc.so.$(SOVERSION) $@

# One object whose hidden symbols are local: the archive shows the program nothing but the interface.
$(BUILD)/libmalloc.a: $(STATIC_OBJECTS)
	$(call say,AR,$@)
	$(Q)$(LD) -r -o $(BUILD)/libmalloc.o $^
	$(Q)objcopy --localize-hidden $(BUILD)/libmalloc.o
	$(Q)rm -f $@ && $(AR) rcs $@ $(BUILD)/libmalloc.o

# The tail call in dlopen keeps its caller's address: at every level of optimisation.
$(BUILD)/obj/libc/dlopen.o: CFLAGS_ALL += -O2 -foptimize-sibling-calls
# An exception passes through operator new; one operator jumps to another, straight through the global offset table.
$(BUILD)/obj/libc/cxx.o: CFLAGS_ALL += -O2 -foptimize-sibling-calls -fexceptions -fno-plt

$(BUILD)/obj/%.o: src/%.c Makefile $(BUILD)/obj/settings
	$(ready)
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

# The compiler and its options. When they change, all is compiled again; tools/ready says what stands in the way of it.
SETTINGS := $(CC) $(CFLAGS_ALL) $(LDFLAGS)
ifneq ($(if $(wildcard $(BUILD)/obj/settings),$(file <$(BUILD)/obj/settings)),$(SETTINGS))
$(BUILD)/obj/settings: FORCE
endif
$(BUILD)/obj/settings:
	$(ready)
	$(file >$@,$(SETTINGS))
# ready: stops where tools/ready says why nothing can be built. It is asked once.
ready = $(eval ready :=)$(call stop_if,$(shell tools/ready $(BUILD) $(CC)))
stop_if = $(if $(1),$(error $(1)))

-include $(OBJECTS:.o=.d)

debug:
	@$(MAKE) --no-print-directory BUILD=$(BUILD)/debug DEBUG=1 $(BUILD)/debug/all

# Packages first, since the compiler may be one of them. The last line is the sum.
test:
	@INSTALL='$(INSTALL)' tools/setup tests $(SUITES)
	@$(MAKE) --no-print-directory $(BUILD)/all
	@$(MAKE) --no-print-directory debug
	@BUILD=$(BUILD) tests/run $(SUITES)
check:
	@INSTALL='$(INSTALL)' tools/setup tests source unit
	@$(MAKE) --no-print-directory $(BUILD)/all
	@BUILD=$(BUILD) FLAVOURS=debug tests/run source unit

# To bench/out/report.html. BENCH_FLAGS: options of bench/run, which are read before anything is done. What cannot be installed
# or built is left out, and the report says so.
bench bench-quick: BENCH_RUN = BUILD=$(BUILD) bench/run $(if $(filter bench-quick,$@),--quick)
bench bench-quick:
	@! test -x /usr/bin/python3 || $(BENCH_RUN) --check $(BENCH_FLAGS)
	@for packages in bench/*/packages; do INSTALL='$(INSTALL)' tools/setup $$packages || true; done
	@$(MAKE) --no-print-directory $(BUILD)/all
	@$(MAKE) --no-print-directory -f bench/runner/build.mk BUILD=$(BUILD)
	-@$(MAKE) --no-print-directory -k -f bench/build.mk BUILD=$(BUILD)
	$(Q)$(BENCH_RUN) $(BENCH_FLAGS)

demo: all
	$(ready)
	@CC='$(CC)' tools/demo $(BUILD)

clean:
	rm -rf $(BUILD)

help:
	$(info $(HELP))
	@:

# make install, uninstall: see README.md. DESTDIR is put before every path; the manual page gets its table of options here.
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
# A program that never names malloc itself is to have it too, both where libraries not named are left out and from the archive.
LINK_MALLOC := -Wl,--undefined=malloc,--push-state,--no-as-needed -lmalloc -Wl,--pop-state
KERNEL_HEADERS := $(wildcard compat/kernel/include/libmalloc/*.h compat/kernel/include/libmalloc/kernel/*.h)
PUBLIC_HEADERS := $(wildcard include/libmalloc/*.h) $(KERNEL_HEADERS:compat/kernel/%=%)
MANUALS := $(wildcard man/*.3 compat/kernel/man/*.3)
INSTALLED := $(addprefix $(LIBDIR)/,libmalloc.so.$(VERSION) libmalloc.so.$(SOVERSION) libmalloc.so libmalloc.a \
	pkgconfig/libmalloc.pc) $(INCLUDEDIR)/libmalloc.h $(PUBLIC_HEADERS:include/%=$(INCLUDEDIR)/%) \
	$(MANDIR)/man3/libmalloc.3 $(addprefix $(MANDIR)/man3/,$(notdir $(MANUALS)))
# The other names of the pages; see tools/manual-links.
NAMED_PAGES := man/libmalloc.3.in $(MANUALS)
MANUAL_LINKS = $(shell tools/manual-links $(NAMED_PAGES))
OF_ANY_VERSION = $(wildcard $(foreach minor,[0-9] [0-9][0-9],$(foreach patch,[0-9] [0-9][0-9],\
	$(DESTDIR)$(LIBDIR)/libmalloc.so.$(SOVERSION).$(minor).$(patch))))
# Nothing that make or a shell would take apart: rm would get other names. drop: the text without these characters.
FOLDERS := PREFIX LIBDIR INCLUDEDIR MANDIR DESTDIR
FIT_SIGNS := a b c d e f g h i j k l m n o p q r s t u v w x y z A B C D E F G H I J K L M N O P Q R S T U V W X Y Z \
	0 1 2 3 4 5 6 7 8 9 / . _ - + @ :
drop = $(if $(1),$(call drop,$(wordlist 2,99,$(1)),$(subst $(firstword $(1)),,$(2))),$(2))
UNFIT = $(strip $(foreach folder,$(FOLDERS),$(if $(word 2,[$($(folder))])$(call drop,$(FIT_SIGNS),$($(folder))),$(folder))))
# PREFIX= and DESTDIR= stand for the root.
RELATIVE = $(firstword $(foreach folder,$(FOLDERS),$(if $(filter /%,$($(folder)))$(filter PREFIX= DESTDIR=,$(folder)=$($(folder))),,$(folder))))
FIT = $(if $(RELATIVE),$(error $(RELATIVE)='$($(RELATIVE))': must begin with /))$(if \
	$(UNFIT),$(error $(UNFIT): a folder's name may hold letters, digits and / . _ - + @ : only))
$(if $(filter install uninstall,$(MAKECMDGOALS)),$(FIT))

$(BUILD)/options-table: tools/options-table.c $(OBJECTS)
	$(ready)
	$(call say,LD,$@)
	$(Q)$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^
$(BUILD)/libmalloc.3: man/libmalloc.3.in $(BUILD)/options-table Makefile
	$(call say,MAN,$@)
	$(Q)env -i $(abspath $(BUILD)/options-table) >$(BUILD)/options.mdoc
	$(Q)sed -e '/^@OPTIONS@$$/{r $(BUILD)/options.mdoc' -e 'd;}' -e 's/@VERSION@/$(VERSION)/' $< >$@

# Programs may start on the library meanwhile: tools/place replaces each file at once, and the links come after what they
# name. Then the files of other versions go: ldconfig would turn the link to the newest, and not to the one that is installed.
# place: $(1), the arguments of tools/place before the last; $(2), the last, which is printed with $(3)
define place
	$(call say,INSTALL,$(DESTDIR)$(2)$(3))
	$(Q)tools/place $(1) $(DESTDIR)$(2)
endef
install: all
	@printf '%s\n' 'prefix=$(PREFIX)' 'libdir=$(LIBDIR)' 'includedir=$(INCLUDEDIR)' '' 'Name: libmalloc' \
		'Description: a drop-in malloc' 'Version: $(VERSION)' 'Cflags: -I$${includedir}' \
		'Libs: -L$${libdir} $(LINK_MALLOC)' >$(BUILD)/libmalloc.pc
	$(Q)for folder in $(addprefix $(DESTDIR),$(LIBDIR)/pkgconfig $(INCLUDEDIR)/libmalloc/kernel $(MANDIR)/man3); do \
		test -d $$folder || install -d $$folder || exit; done
	$(call place,755 $(BUILD)/libmalloc.so.$(VERSION),$(LIBDIR),/libmalloc.so.$(VERSION))
	$(call place,link libmalloc.so.$(VERSION),$(LIBDIR)/libmalloc.so.$(SOVERSION))
	$(call place,link libmalloc.so.$(SOVERSION),$(LIBDIR)/libmalloc.so)
	$(call place,644 $(BUILD)/libmalloc.a,$(LIBDIR),/libmalloc.a)
	$(call place,644 include/libmalloc.h,$(INCLUDEDIR),/libmalloc.h)
	$(call place,644 include/libmalloc/*.h compat/kernel/include/libmalloc/*.h,$(INCLUDEDIR)/libmalloc,/*.h)
	$(call place,644 compat/kernel/include/libmalloc/kernel/*.h,$(INCLUDEDIR)/libmalloc/kernel,/*.h)
	$(Q)tools/manual-links -o $(BUILD)/manual-links $(NAMED_PAGES)
	$(call place,644 $(BUILD)/libmalloc.3 $(MANUALS) $(BUILD)/manual-links/*.3,$(MANDIR)/man3,/*.3)
	$(call place,644 $(BUILD)/libmalloc.pc,$(LIBDIR)/pkgconfig,/libmalloc.pc)
	$(Q)rm -f $(filter-out %/libmalloc.so.$(VERSION),$(OF_ANY_VERSION))
uninstall:
	$(call say,UNINSTALL,$(DESTDIR)$(LIBDIR)/libmalloc.so.$(VERSION) and what came with it)
	$(Q)rm -f $(addprefix $(DESTDIR),$(INSTALLED)) $(OF_ANY_VERSION)
	$(Q)rm -f $(addprefix $(DESTDIR)$(MANDIR)/man3/,$(MANUAL_LINKS))
	-$(Q)rmdir $(addprefix $(DESTDIR)$(INCLUDEDIR)/libmalloc,/kernel /)
