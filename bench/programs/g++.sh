# g++.sh - the C++ compiler on templates of the standard library.
. "$BENCH/programs/common.sh"
types=$(amount 4 1)
generate() {
	awk -v n="$types" 'BEGIN {
		print "#include <algorithm>\n#include <functional>\n#include <map>\n#include <string>\n#include <vector>"
		for (i = 0; i < n; i++) {
			printf "struct key%d { int a; std::string b; bool operator<(const key%d &o) const { return b < o.b; } };\n", i, i
			printf "using map%d = std::map<key%d, std::vector<std::function<int(const key%d &)>>>;\n", i, i, i
			printf "int use%d(map%d &m)\n{\n\tint sum = 0;\n\tfor (auto &[k, v] : m) {\n", i, i
			print "\t\tfor (auto &f : v)\n\t\t\tsum += f(k);\n\t}"
			printf "\tm[key%d{sum, \"x\"}].push_back([=](const auto &k) { return k.a + sum; });\n", i
			printf "\tstd::vector<key%d> keys;\n\tfor (auto &p : m)\n\t\tkeys.push_back(p.first);\n", i
			print "\tstd::sort(keys.begin(), keys.end());\n\treturn sum + (int)keys.size();\n}"
		}
	}'
}
once "g++.$types.cc" generate
timed g++ -std=c++17 -O1 -c -o out.o "$DATA/g++.$types.cc"
