# Hash tables of strings: filled, split, counted, deleted, joined.
function random(bound) { state = (state * 1103515 + 12345) % 2147483648; return int(state / 64) % bound }
BEGIN {
	state = 12345
	for (i = 0; i < n; i++) {
		key = "k" random(n / 2)
		lists[key] = lists[key] " w" random(n) " v" random(100)
		if (i % 3 == 0)
			delete lists["k" random(n / 2)]
	}
	for (key in lists) {
		m = split(lists[key], words, " ")
		for (k = 1; k <= m; k++)
			if (count[words[k]]++ == 0)
				distinct++
		length_of_all += length(lists[key])
	}
	for (word in count) {
		most = count[word] > most ? count[word] : most
		gsub(/[0-9]$/, "x", word)
		shortened[word]++
	}
	for (word in shortened)
		kinds++
	print distinct, length_of_all, most, kinds
}
