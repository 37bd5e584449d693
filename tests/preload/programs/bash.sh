# Bash and thousands of starts: 3,000 times /bin/true, command substitutions, pipelines, subshells, and its own
# arrays and strings. What goes wrong in the first or last instructions of a process, or between fork and exec, shows
# here; so does a program that cannot be started twice in a row.

needs=(bash true cat tr)
probe=(bash -c "a=(1 2 3); echo ${a[*]-}")

workload() {
	local i failures=0 sum=0 text="" word
	local -A seen=()
	for ((i = 0; i < 3000; i++)); do
		/bin/true || failures=$((failures + 1))
	done
	echo "$failures of 3000 failed"
	for ((i = 0; i < 500; i++)); do
		sum=$((sum + $(echo "$i" | cat)))
		text+=$(printf '%s,' "$i")
	done
	echo "$sum ${#text}"
	for ((i = 0; i < 300; i++)); do
		(cd /; exec /bin/true) || echo "subshell $i failed"
		(exit $((i % 7))) || seen[$?]+=x
	done
	for word in "${!seen[@]}"; do echo "$word ${#seen[$word]}"; done | sort
	for ((i = 0; i < 20000; i++)); do
		seen[k$((i * 7919 % 5000))]=$i$text
		((i % 3)) || unset "seen[k$((i % 5000))]"
	done
	echo "${#seen[@]}"
	text=$(for ((i = 0; i < 2000; i++)); do echo "${text:i:37}"; done)
	text=${text//1?/<&>}
	echo "${#text}" "$(tr -d '\n' <<<"${text^^}" | cksum)"
	for ((i = 0; i < 100; i++)); do sleep 0 & done
	wait
	echo "all ended"
}
