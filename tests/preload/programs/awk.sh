# mawk and gawk on the same program: associative arrays with many small strings, strings that grow by appending,
# regular expressions built at run time. Both must also agree with each other.

needs=(mawk gawk sha256sum)
probe=(gawk "BEGIN { a[1] = 1 }")

workload() {
	local awk
	for awk in mawk gawk; do
		$awk 'BEGIN {
			state = 9
			for (i = 0; i < 250000; i++) {
				state = (state * 16807) % 2147483647
				word = sprintf("%c%c%d", 97 + state % 26, 97 + int(state / 1000) % 26, state % 97)
				count[word]++
				if (i % 50 == 0) text = text " " word
				if (i % 5 == 0) delete count["x" word]
			}
			for (word in count) { total++; sum += count[word] * length(word) }
			print total, sum, length(text)
			n = split(text, part, / /)
			for (i = 1; i <= n; i++) {
				line = part[i]
				gsub(/[aeiou]/, "<&>", line)
				if (line ~ ("^" substr(line, 1, 1) ".*" i % 10 "$")) matched = matched line
			}
			print n, length(matched), toupper(substr(matched, 1, 60))
			for (i = 0; i < 30000; i++) grown = grown i
			print length(grown)
		}' >"$awk.txt"
		cat "$awk.txt"
	done
	cmp mawk.txt gawk.txt
}
