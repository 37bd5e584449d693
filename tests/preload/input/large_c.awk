# Writes a C file of `functions` functions (set it with -v), the same for the same number: structs, loops, switches,
# string tables and calls between them, and a main that prints a checksum.

function pick(n) {
	state = (state * 1103515245 + 12345) % 2147483648
	return int(state / 65536) % n
}

BEGIN {
	state = 42
	print "#include <stdio.h>\n#include <string.h>\n#include <stdint.h>\n"
	for (i = 0; i < functions; i++) {
		printf "struct s%d { uint32_t a; double b; char c[%d]; struct s%d *next; };\n", i, 1 + pick(64), i
		printf "static const char *const names%d[] = {", i
		for (j = 1 + pick(9); j > 0; j--)
			printf " \"name %d of %d\",", j, i
		print " 0 };"
		printf "uint32_t f%d(uint32_t x, const uint8_t *p, unsigned n)\n{\n\tstruct s%d s = { x, %d.5, \"\", 0 };\n", i, i, i
		print "\tfor (unsigned i = 0; i < n; i++) {\n\t\tswitch ((p[i] ^ s.a) % 7) {"
		for (j = 0; j < 7; j++) {
			printf "\t\tcase %d: ", j
			if (j == 3 && i > 0)
				printf "s.a += n > 4 ? f%d(s.a, p, n / 3) : %du; break;\n", pick(i), pick(1000)
			else if (j == 5)
				printf "s.b = s.b * 0.5 + (double)(s.a %% %du); s.a ^= (uint32_t)s.b; break;\n", 3 + pick(900)
			else
				printf "s.a = (s.a << %d | s.a >> %d) * %du + p[i]; s.c[i %% sizeof s.c] = (char)s.a; break;\n",
					1 + pick(30), 1 + pick(30), pick(2147483647) * 2 + 1
		}
		printf "\t\t}\n\t}\n\tfor (const char *const *t = names%d; *t; t++)\n\t\ts.a += (uint32_t)strlen(*t) * %du;\n", i, pick(99)
		print "\treturn s.a + (uint32_t)s.b + (uint8_t)s.c[0];\n}\n"
	}
	print "int main(void)\n{\n\tuint8_t text[64];\n\tuint32_t sum = 0;\n\tfor (int i = 0; i < 64; i++)\n\t\ttext[i] = (uint8_t)(i * 37);"
	for (i = 0; i < functions; i += 10)
		printf "\tsum = sum * 31 + f%d(sum, text, %d);\n", i, 1 + pick(40)
	print "\tprintf(\"%08x\\n\", sum);\n\treturn 0;\n}"
}
