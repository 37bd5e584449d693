# Clang on the same C file and the same templates as GCC and G++: LLVM is C++ that allocates objects, arenas and small
# vectors by operator new, aligned and sized forms included. The objects must be the same byte for byte.

needs=(clang clang++ awk sha256sum)
probe=(clang -x c -c /dev/null)

workload() {
	awk -v functions=150 -f "$input/large_c.awk" >large.c
	clang -std=c17 -O2 -c large.c -o large.o
	sha256sum large.o
	clang large.o -o large
	./large
	clang++ -std=c++20 -O0 -pthread "$input/templates.cc" -c -o templates.o
	sha256sum templates.o
	clang++ -pthread templates.o -o templates
	./templates
}
