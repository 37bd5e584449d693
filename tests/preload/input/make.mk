# The work of programs/make.sh, which says what it is for.

numbers := $(shell seq 1 400)
objects := $(foreach n,$(numbers),out/$(n).o)
long := $(foreach a,$(wordlist 1,90,$(numbers)),$(foreach b,$(wordlist 1,90,$(numbers)),x$(a)y$(b)))
all: all.txt sub
out: ; mkdir $@
$(foreach n,$(numbers),$(eval src/$(n).in: ; mkdir -p src && echo "source $(n) $(words $(long))" >$$@))
out/%.o: src/%.in | out
	sed 's/source/object/' $< >$@
all.txt: $(objects)
	cat $(sort $^) >$@
	echo "$(words $(filter x1%,$(long))) $(words $(sort $(patsubst x%,%,$(subst y,z,$(long)))))" >>$@
sub: all.txt
	$(MAKE) --no-print-directory count
count: ; wc -l all.txt
.PHONY: all sub count
