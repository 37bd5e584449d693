# Python's own test suite, the parts that exercise the object allocator, threads and child processes, with every
# object from malloc (PYTHONMALLOC=malloc) instead of Python's arenas. What is compared is the result of each of
# the 860 tests by name, so a test that fails on this machine with and without the library does no harm.

needs=(python3)
modules=(test.test_dict)
probe=(python3 -c "import threading, subprocess, json")

workload() {
	export PYTHONMALLOC=malloc PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1
	python3 -m test --junit-xml "$PWD/results.xml" test_dict test_list test_json test_threading test_subprocess >log ||
		tail -n 40 log >&2
	python3 "$input/junit_results.py" results.xml
}
