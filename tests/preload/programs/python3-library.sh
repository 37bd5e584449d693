# More of Python's own test suite under PYTHONMALLOC=malloc: containers that grow and shrink (deque, bytes,
# array), cyclic garbage, extension modules that hand C buffers around (ctypes, mmap, struct, zlib, decimal, expat),
# fork, and tracemalloc, which wraps every allocation. The result of each of the 3,750 tests is compared by name.

needs=(python3)
modules=(test.test_deque)
probe=(python3 -c "import ctypes, mmap, zlib, decimal, pyexpat")

workload() {
	export PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
	python3 -m test --junit-xml "$PWD/results.xml" test_deque test_bytes test_array test_memoryio test_unicode \
		test_ordered_dict test_collections test_builtin test_descr test_gc test_re test_ctypes \
		test_mmap test_struct test_zlib test_decimal test_pyexpat test_thread test_threading_local test_fork1 \
		test_tracemalloc >log || tail -n 40 log >&2
	python3 "$input/junit_results.py" results.xml
}
