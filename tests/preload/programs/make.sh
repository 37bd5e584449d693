# make -j: 400 targets with generated rules, pattern rules, functions over long lists and a recursive make, four jobs
# at a time: strings of every length in make itself, and a fork and an exec from a process that has them.

needs=(make sed sha256sum)
probe=(make --version)

workload() {
	cp "$input/make.mk" Makefile
	make -s -j4
	sha256sum all.txt
	make -s -j4 -q all.txt && echo "up to date"
	touch src/7.in
	make -n all.txt | sha256sum
}
