# GDB on a small program with a thread: breakpoints with conditions and commands, backtraces, a watchpoint, calls into
# the program that allocate there, types and strings printed, its Python. The debugger (symbol tables in obstacks, C++,
# Python) and the program that it starts both run under the library.

needs=(gdb gcc)
probe=(gdb -nx -batch -ex "print 1")

workload() {
	cp "$input/gdb.c" .
	gcc -g -O0 -pthread gdb.c -o debugged
	gdb -nx -batch -ex "set debuginfod enabled off" -ex "set confirm off" -ex "set width 0" \
		-ex "set print address off" -ex "set print thread-events off" -ex "set can-use-hw-watchpoints 0" \
		-ex "break put_first if number == 49" -ex "run" -ex "backtrace" -ex "info args" -ex "finish" \
		-ex "print *list" -ex "ptype list" -ex "print list->next->name" \
		-ex "break gdb.c:29" -ex "continue" -ex "backtrace" -ex "frame 3" -ex "print list->number" -ex "delete" \
		-ex "tbreak twice" -ex "continue" -ex "up" -ex "print depth" \
		-ex "print depth_of(list)" -ex "print sizeof(struct item)" \
		-ex "print twice(\"from the debugger \")" -ex "print \$_strlen(twice(\"x\"))" \
		-ex "python print(sum(i * i for i in range(1000)), gdb.selected_frame().name())" \
		-ex "tbreak gdb.c:62" -ex "continue" -ex "print total" \
		-ex "set var total = 7" -ex "watch list if list == 0" -ex "continue" -ex "info breakpoints" \
		-ex "delete" -ex "next" -ex "print total" -ex "continue" ./debugged |
		sed -E 's/0x[0-9a-f]+/ADDRESS/g; s/(Thread|LWP|process) ADDRESS/\1/g; s/\((LWP|process) [0-9]+\)//; s/process [0-9]+/process/; s/LWP [0-9]+/LWP/'
	gdb -nx -batch -ex "info functions depth" -ex "info line twice" -ex "disassemble depth_of" \
		-ex "info types ." ./debugged
	gdb -nx -batch -ex "info functions malloc" "$(command -v gdb)" | wc -l
}
