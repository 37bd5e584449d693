# gcc.sh - the C compiler (driver, cc1, assembler) on a generated file of many functions.
. "${0%/*}/common.sh"
need gcc gcc
functions=$(amount 110 30)
generate() {
	awk -v n="$functions" 'BEGIN {
		print "struct s { int a, b; struct s *next; double d[4]; };"
		for (i = 0; i < n; i++) {
			printf "static int table_%d[] = {%d, %d, %d, %d};\n", i, i, i * 7 % 13, i * 5 % 11, i % 3
			printf "int function_%d(struct s *s, int n)\n{\n\tint sum = %d;\n", i, i
			printf "\tfor (int i = 0; i < n; i++) {\n\t\tswitch ((i + s->a) %% 5) {\n"
			for (k = 0; k < 5; k++)
				printf "\t\tcase %d: sum += table_%d[(i + %d) & 3] * s->b; s->d[%d] += sum / %d.0; break;\n",
					k, i, k, k % 4, k + 1
			print "\t\t}\n\t\tif (s->next)\n\t\t\ts = s->next;\n\t}"
			printf "\treturn sum%s;\n}\n", i ? " + function_" i - 1 "(s, n / 2)" : ""
		}
	}'
}
once input.c generate
result() { cat out.o; }
measure gcc -O2 -c -o out.o "$data/input.c"
