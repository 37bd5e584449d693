# cmake.sh - cmake configures a generated project of C files, ninja builds it: many short processes.
. "${0%/*}/common.sh"
need cmake cmake
need ninja ninja-build
need gcc gcc
files=$(amount 24 6)
generate() {
	local i
	mkdir source
	for ((i = 1; i <= files; i++)); do
		cat >"source/f$i.c" <<-END
			#include <stdio.h>
			#include <stdlib.h>
			#include <string.h>
			int f$i(int n);
			int f$i(int n)
			{
				char *p = malloc((size_t)n + 1);
				memset(p, $i, (size_t)n + 1);
				int r = p[n / 2];
				free(p);
				return printf("%d\n", r);
			}
		END
	done
	{
		printf 'int f%d(int);\n' $(seq "$files")
		echo 'int main(void)'
		echo '{'
		printf '\tf%d(10);\n' $(seq "$files")
		echo '}'
	} >source/main.c
	cat >source/CMakeLists.txt <<-'END'
		cmake_minimum_required(VERSION 3.13)
		project(generated C)
		file(GLOB sources CONFIGURE_DEPENDS f*.c)
		add_library(parts STATIC ${sources})
		add_executable(main main.c)
		target_link_libraries(main parts)
	END
}
prepare() { generate; }
result() { ./build/main; }
# shellcheck disable=SC2016
measure sh -c '$1 cmake -G Ninja -S source -B build -DCMAKE_BUILD_TYPE=Release && $1 ninja -j2 -C build' sh "$tied"
