# jq: a parser, a bytecode compiler and a reference-counted value for every number and string, each its own malloc.

needs=(jq sha256sum)
probe=(jq -n 1)

workload() {
	jq -n '[range(30000) | {id: ., name: "n\(. * 7919 % 30000)", tags: [range(. % 7)] | map("t\(.)")}]' >items.json
	sha256sum <items.json
	jq -c 'group_by(.tags | length)[] | {n: length, first: (map(.name) | sort | first), ids: (map(.id) | add)}' items.json
	jq -c '[.[] | select(.name | test("^n1.*7$")) | .name] | length, (sort | .[0:3])' items.json
	jq 'reduce .[] as $i ({}; .[$i.name[0:3]] += 1)' items.json | sha256sum
	jq -c '.[] | [paths] | length' items.json | sort | uniq -c
}
