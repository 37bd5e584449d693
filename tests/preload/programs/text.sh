# sort, uniq, join, sed, grep, comm and split on a file of 300,000 lines: sort with several threads and so little
# memory that it spills and merges, sed and grep with back references and a thousand patterns at once.

needs=(awk sort uniq join sed grep comm split sha256sum)
probe=(sort --parallel=2 /dev/null)

workload() {
	awk 'BEGIN {
		state = 5
		for (i = 0; i < 300000; i++) {
			state = (state * 16807) % 2147483647
			printf "%d %c%c%c-%d line %d\n", state % 100000, 97 + state % 26, 97 + state % 25, 97 + state % 23, state % 1000, i
		}
	}' >big.txt
	sha256sum <big.txt
	sort --parallel=4 -S 3M -k2,2 -k1,1n big.txt | sha256sum
	sort --parallel=4 -S 100M -n -r big.txt | tee sorted.txt | sha256sum
	sort -u -t- -k2,2n big.txt | cut -c 1-40 | sha256sum
	cut -d' ' -f2 big.txt | sort | uniq -c | sort -k1,1nr -k2 | sed -n 1,5p
	sed -E 's/^([0-9]+) (.)(.)(.)-([0-9]+)/\5 \4\3\2 \1/; /7$/{h; s/line/LINE/; G}; y/xyz/XYZ/' big.txt | sha256sum
	seq 7 97 100000 | sed 's/$/ /' >patterns
	grep -c -F -f patterns big.txt
	grep -c -E '^([0-9])[0-9]*\1 .*-(1|22|3[0-9]+) ' big.txt
	LC_ALL=C sort -k1,1 big.txt >all
	sed -n 1,50000p all >left
	sed -n 30000,70000p all >right
	LC_ALL=C join left right | sha256sum
	LC_ALL=C comm -12 left right | wc -l
	split -l 20000 sorted.txt piece.
	sort -m -n -r --batch-size=8 piece.* | cmp - sorted.txt
}
