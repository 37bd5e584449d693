# Ruby: arrays, hashes and strings that grow by realloc, its garbage collector over them (with its stress and its
# compaction), threads, fibers, a forked child, and the standard library's JSON, ERB, Set and big numbers. Ruby takes
# heap pages with aligned allocation and everything else from malloc.

needs=(ruby)
probe=(ruby --disable-gems -e "puts 1")

workload() {
	ruby --disable-gems "$input/ruby.rb"
}
