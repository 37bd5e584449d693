# CMake configures, builds and tests a project with a C library and a C++ program: its language (strings and lists), its
# JSON and its XML, the compiler checks it starts, and the make it drives.

needs=(cmake ctest make gcc g++ sha256sum)
probe=(cmake --version)

workload() {
	mkdir project
	cat >project/CMakeLists.txt <<-'CMAKE'
		cmake_minimum_required(VERSION 3.18)
		project(example VERSION 1.2.3 LANGUAGES C CXX)
		include(CheckIncludeFile)
		include(CheckSymbolExists)
		find_package(Threads REQUIRED)
		foreach(header stdlib.h unistd.h not_there.h)
		  check_include_file(${header} have_${header})
		  message(STATUS "${header}: ${have_${header}}")
		endforeach()
		check_symbol_exists(reallocarray "stdlib.h" have_reallocarray)
		set(list "")
		foreach(i RANGE 6000)
		  math(EXPR r "(${i} * 7919) % 6007")
		  list(APPEND list "item-${r}")
		  string(APPEND text "${r},")
		endforeach()
		list(SORT list)
		list(REMOVE_DUPLICATES list)
		list(LENGTH list length)
		string(REGEX REPLACE "([0-9])([0-9])," "\\2\\1;" text "${text}")
		string(SHA256 hash "${text}${list}")
		message(STATUS "${length} ${hash}")
		configure_file(config.h.in config.h)
		add_library(part SHARED part.c)
		add_executable(main main.cc)
		target_include_directories(main PRIVATE ${CMAKE_CURRENT_BINARY_DIR})
		target_link_libraries(main part Threads::Threads)
		enable_testing()
		add_test(NAME works COMMAND main)
	CMAKE
	echo '#define VERSION "@PROJECT_VERSION@"' >project/config.h.in
	echo 'int part(int x) { return x * 2; }' >project/part.c
	cat >project/main.cc <<-'CC'
		#include "config.h"
		#include <iostream>
		#include <string>
		extern "C" int part(int);
		int main() { std::cout << std::string(VERSION) + " " << part(21) << '\n'; }
	CC
	cmake -S project -B build | grep -E '^-- ([a-z_]+\.h|[0-9]+|Found|Looking|Performing)'
	cmake --build build -j2 >log || cat log >&2
	build/main
	(cd build && ctest | grep -E 'tests passed|failed')
	sed "s|$PWD|.|g" build/CMakeCache.txt | sha256sum
	cmake -E tar cf packed.tar --format=gnutar --mtime=2020-01-01 project/part.c && cmake -E tar tf packed.tar
}
