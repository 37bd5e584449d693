# How the shell suites build a program on the public interface, as README.md says: against include/, linked with
# -lmalloc from the folder of LIBMALLOC. A suite sources this file and sets top, the repository's folder.

declare -A compilers=([gcc.c]="gcc -std=gnu17" [gcc.c++]="g++ -std=gnu++17"
	[clang.c]="clang -std=gnu17" [clang.c++]="clang++ -std=gnu++17")
build_flags=(-O2 -g -Wall -Wextra -Werror -pthread -I"$top/include")

# build_program COMPILER LANGUAGE PROGRAM SOURCE... [FLAG...]: gcc or clang; c or c++, whatever the sources' suffix
build_program() {
	local folder
	folder=$(cd "$(dirname "$LIBMALLOC")" && pwd)
	${compilers[$1.$2]} "${build_flags[@]}" -o "$3" -x "$2" "${@:4}" -x none -L"$folder" -Wl,-rpath,"$folder" -lmalloc
}
