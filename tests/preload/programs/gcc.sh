# GCC on a C file of some 4,500 dense lines, which is generated: the driver, cc1 (a garbage collector over mappings and
# many obstacks and hash tables from malloc), the assembler and the linker, once as one unit and once with link-time
# optimisation, which starts a parallel make. The objects must be the same byte for byte and the program must run.

needs=(gcc as ld awk sha256sum)
probe=(gcc -x c -c /dev/null)

workload() {
	awk -v functions=220 -f "$input/large_c.awk" >large.c
	wc -l <large.c
	gcc -std=c17 -O2 -c large.c -o large.o
	sha256sum large.o
	gcc large.o -o large
	./large
	awk -v functions=60 -f "$input/large_c.awk" >small.c
	gcc -O1 -flto=2 -frandom-seed=1 small.c -o small
	sha256sum small
	./small
}
