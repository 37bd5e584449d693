# instructions.sh BYTES - user instructions of a plain malloc+free pair, as callgrind counts them in pair.c.
#
# The difference of two runs of different length, divided by the loops between them, so that neither the start nor the
# first calls count. The loop itself is in it: seven instructions.

set -eu
short=1000 long=11000
command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 77; }

collected() { # collected LOOPS: the instructions of the whole program
	LD_PRELOAD=${BENCH_PRELOAD:-} valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		"$BENCH_BIN/start/pair" "$bytes" "$1" 2>valgrind.log || { cat valgrind.log >&2; exit 1; }
	sed -n 's/.*Collected : //p' valgrind.log
}

bytes=$1
begin=$(collected $short)
end=$(collected $long)
awk -v all=$((end - begin)) -v loops=$((long - short)) 'BEGIN { printf "bench: instructions %.2f\n", all / loops }'
