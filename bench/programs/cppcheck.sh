# cppcheck.sh - a checker of C: lists of tokens, and the values that may flow into each of them.
. "${0%/*}/common.sh"
need cppcheck cppcheck
functions=$(amount 120 40)
generate() {
	awk -v n="$functions" 'BEGIN {
		print "#include <stdlib.h>\nstruct s { int a; struct s *next; char text[16]; };"
		for (i = 0; i < n; i++) {
			printf "static struct s *make%d(int n)\n{\n\tstruct s *list = NULL;\n", i
			print "\tfor (int i = 0; i < n; i++) {\n\t\tstruct s *s = malloc(sizeof *s);"
			print "\t\tif (s == NULL)\n\t\t\treturn list;"
			printf "\t\ts->a = i * %d;\n\t\ts->next = list;\n\t\tlist = s;\n", i
			printf "\t}\n\treturn list;\n}\nint use%d(int n, int k)\n{\n\tint sum = %d;\n", i, i
			printf "\tchar text[%d];\n", i + 9
			printf "\tstruct s *list = make%d(n);\n\tif (n > %d && k != 3)\n\t\ttext[n - %d] = 1;\n", i, i, i % 7
			print "\twhile (list) {\n\t\tstruct s *next = list->next;\n\t\tswitch (list->a % 5) {"
			for (k = 0; k < 4; k++)
				printf "\t\tcase %d:\n\t\t\tsum += k ? list->a / k : %d;\n\t\t\tbreak;\n", k, k
			print "\t\t}\n\t\tfree(list);\n\t\tlist = next;\n\t}\n\treturn sum + text[0];\n}"
		}
	}'
}
once input.c generate
result() { cat report; }
measure cppcheck -q --enable=all --suppress=missingIncludeSystem --output-file=report "$data/input.c"
