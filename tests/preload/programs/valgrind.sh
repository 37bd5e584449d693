# Valgrind's memcheck on a small program, with the library preloaded under it. Memcheck puts its own malloc in place of
# the library's, so it must find nothing wrong in a right program and the same mistakes in wrong ones. Told to let the
# library be (somalloc=nouserintercepts), it runs the library's own code, start to exit, and the program must work: in
# an address space that valgrind keeps, and with a brk that it emulates and ends early. What memcheck says then is not
# compared: it cannot know what an allocator does with its memory.

needs=(valgrind gcc)
probe=(valgrind -q true)

# own_code COMMAND...: runs it with the library's malloc; memcheck's count of its own shows that it is that one.
own_code() {
	valgrind --soname-synonyms=somalloc=nouserintercepts --log-file=log.own "$@"
	[ -z "${LD_PRELOAD:-}" ] || grep -q "total heap usage: 0 allocs" log.own || echo "memcheck replaced malloc"
}

workload() {
	local mistake
	gcc -g -O1 -fno-builtin "$input/valgrind.c" -o small
	./small
	valgrind -q --error-exitcode=9 --leak-check=full ./small
	for mistake in overrun use leak; do
		valgrind --error-exitcode=9 --leak-check=full --log-file=log ./small "$mistake" || echo "exit status $?"
		grep -oE '(Invalid write of size|Address .* is|[0-9,]+ bytes in [0-9]+ blocks are|definitely lost:|ERROR SUMMARY:).*' log |
			sed -E 's/0x[0-9a-f]+/ADDRESS/; s/Address (ADDRESS )?//'
	done
	echo "its own code:"
	own_code ./small
	own_code ls /usr/include | cmp - <(ls /usr/include)
}
