# Builds glibc's malloc tests against the installed libc. ./run calls it with
#   SRC    the part of glibc's source that was unpacked     OUT          where programs and objects go
#   TESTS  the tests to build, by name                      LIBMALLOC_A  what static ones are linked with (may be empty)

HERE := $(dir $(lastword $(MAKEFILE_LIST)))
GLUE := $(wildcard $(HERE)glue/*)

CPPFLAGS := -D_GNU_SOURCE -DTEST_NO_MALLOPT -DTIMEOUTFACTOR=1 -include $(HERE)glue/glue.h \
	-I$(HERE)glue -I$(SRC)/include -I$(SRC)/sysdeps/generic -I$(SRC)/support -I$(SRC)
CFLAGS := -std=gnu11 -O2 -g -w -pthread

SUPPORT := $(filter-out tst-% test-% %-container links-dso-% README-%,$(basename $(notdir $(wildcard $(SRC)/support/*.c))))

all: $(TESTS:%=$(OUT)/%)

# A file of the support library that needs glibc's own headers gives an empty object. A test that wants it does not link.
$(OUT)/support/%.o: $(SRC)/support/%.c $(GLUE)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@ 2> $@.err || $(CC) -c -x c /dev/null -o $@

$(OUT)/support/glue.o: $(HERE)glue/glue.c
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -c $< -o $@

$(OUT)/libsupport.a: $(SUPPORT:%=$(OUT)/support/%.o) $(OUT)/support/glue.o
	@rm -f $@ && ar rcs $@ $^

$(OUT)/%.o: $(SRC)/malloc/%.c $(GLUE)
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c $< -o $@

# The four interposition tests bring their own malloc in a second object, with or without threads.
$(OUT)/tst-interpose-nothread $(OUT)/tst-interpose-static-nothread: MORE = $(OUT)/tst-interpose-aux-nothread.o
$(OUT)/tst-interpose-nothread $(OUT)/tst-interpose-static-nothread: $(OUT)/tst-interpose-aux-nothread.o
$(OUT)/tst-interpose-thread $(OUT)/tst-interpose-static-thread: MORE = $(OUT)/tst-interpose-aux-thread.o
$(OUT)/tst-interpose-thread $(OUT)/tst-interpose-static-thread: $(OUT)/tst-interpose-aux-thread.o
$(OUT)/tst-interpose-static-nothread $(OUT)/tst-interpose-static-thread: MORE += -static $(LIBMALLOC_A)
$(OUT)/tst-interpose-static-nothread $(OUT)/tst-interpose-static-thread: $(LIBMALLOC_A)

# Only the Emacs test needs symbols that live in libc_malloc_debug.so.
$(OUT)/tst-mallocstate: MORE = -l:libc_malloc_debug.so.0

$(OUT)/%: $(OUT)/%.o $(OUT)/libsupport.a
	@$(CC) $(CFLAGS) $< -o $@ $(MORE) $(OUT)/libsupport.a

.SECONDARY:
.DELETE_ON_ERROR:
