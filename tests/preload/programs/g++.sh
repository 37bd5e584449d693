# G++ on a file heavy with templates, and then the program it makes: containers, exceptions, over-aligned objects,
# std::bad_alloc and threads that free what others allocated, all through operator new and delete.

needs=(g++ sha256sum)
probe=(g++ -x c++ -c /dev/null)

workload() {
	g++ -std=c++20 -O0 -pthread -c "$input/templates.cc" -o templates.o
	sha256sum templates.o
	g++ -pthread templates.o -o templates
	./templates
}
