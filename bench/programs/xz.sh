# xz.sh - a compressor with two threads: few, large blocks.
. "${0%/*}/common.sh"
need xz xz-utils
lines=$(amount 600000 150000)
generate() {
	awk -v n="$lines" 'BEGIN {
		state = 1
		for (i = 0; i < n; i++)
			for (k = 0; k < 5; k++) {
				state = (state * 1103515 + 12345) % 2147483648
				printf "word%d%s", (state / 2147483648) ^ 3 * 5000, k < 4 ? " " : "\n"
			}
	}'
}
once "$lines.txt" generate
measure xz -T2 -2 --block-size=1MiB -c "$data/$lines.txt"
