# z3.sh - a solver on a generated formula: sums and products over the edges of a random graph, as bit vectors.
. "${0%/*}/common.sh"
need z3 z3
nodes=$(amount 140 90)
generate() {
	awk -v n="$nodes" '
	function random(bound) { state = (state * 1103515 + 12345) % 2147483648; return int(state / 64) % bound }
	BEGIN {
		state = 7
		print "(set-logic QF_BV)"
		for (i = 0; i < n; i++)
			printf "(declare-const x%d (_ BitVec 16))\n(assert (bvult x%d #x0200))\n", i, i
		for (i = 0; i < n * 3; i++) {
			a = random(n); b = random(n); c = random(n)
			if (a != b && b != c)
				printf "(assert (not (= (bvadd x%d x%d) (bvmul x%d #x%04x))))\n", a, b, c, 3 + i % 50
		}
		for (i = 0; i + 3 < n; i += 2)
			printf "(assert (= (bvand (bvadd x%d (bvmul x%d x%d)) #x003f) #x%04x))\n", i, i + 1, i + 3, i % 64
		print "(check-sat)"
	}'
}
once "$nodes.smt2" generate
measure z3 "$data/$nodes.smt2"
