# Node: V8 keeps its heap in mappings of its own, but buffers, compiler, zlib, crypto and the event loop's thread pool
# use malloc, and V8's C++ uses new. Buffers of all sizes, asynchronous compression and key derivation on the pool,
# worker threads that come and go with messages passed between heaps, and a child process.

needs=(node)
probe=(node -e 1)

workload() {
	node "$input/node.js"
}
