# jq.sh - a large JSON text parsed, grouped, changed and written.
. "${0%/*}/common.sh"
need jq jq
items=$(amount 60000 15000)
generate() {
	awk -v n="$items" 'BEGIN {
		printf "["
		for (i = 0; i < n; i++) {
			printf "%s{\"id\":%d,\"name\":\"item %d\",\"group\":\"g%d\",", i ? "," : "", i, i * 7919 % n, i % 211
			printf "\"tags\":[\"a%d\",\"b%d\"],\"size\":{\"w\":%d,\"h\":%.2f}}", i % 17, i % 5, i % 640, i / 3
		}
		print "]"
	}'
}
once "$items.json" generate
measure jq 'group_by(.group) | map({key: .[0].group, value: (map(.size.w) | add), names: map(.name | ascii_upcase)})' \
	"$data/$items.json"
