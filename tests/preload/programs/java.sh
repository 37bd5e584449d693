# Java: the compiler, then its program, once for each of two collectors: threads that allocate in the heap and beside
# it. HotSpot takes its heap from mmap and everything else (arenas, symbols, code buffers, direct buffers, zlib) from
# malloc, from many threads at once, and frees in its own exit order.

needs=(javac java)
probe=(java -version)

workload() {
	export JDK_JAVA_OPTIONS="-XX:-UsePerfData -Xmx256m"
	javac -J-XX:-UsePerfData -d . "$input/Churn.java"
	for collector in SerialGC G1GC; do
		java "-XX:+Use$collector" -cp . Churn
	done
}
