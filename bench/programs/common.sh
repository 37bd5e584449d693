# common.sh - sourced by the scripts of the rows.
#
# The runner starts a script without a preload and names the allocator under test in $BENCH_PRELOAD (empty: glibc). The
# script makes its input once, on glibc, and runs one program on that allocator: a command by `measure`, a server by
# `server_start`. What comes out is compared with what came out on glibc: a wrong answer fails the row.
#
# By hand: [BENCH_QUICK=1] [BENCH_PRELOAD=/path/lib.so] bash bench/programs/lua.sh

set -euo pipefail
preload=${BENCH_PRELOAD:-}
unset LD_PRELOAD
export PATH=/usr/sbin:/usr/bin:/sbin:/bin # no program but Debian's
export LC_ALL=C.UTF-8 TZ=UTC

here=$(cd "${BASH_SOURCE%/*}" && pwd)
input=$here/input
name=$(basename "$0" .sh)
fail() { echo "$name: $*" >&2; exit 1; }

for library in ${preload//:/ }; do # the loader would only warn, and glibc be measured
	[ -r "$library" ] || fail "there is no $library"
done
: "${BENCH_BIN:=$here/../../build/bench}" "${BENCH_CACHE:=$BENCH_BIN/cache}"
scratch=() # folders to remove at the end
work=${BENCH_WORK:-}
[ -n "$work" ] || { work=$(mktemp -d "${TMPDIR:-/tmp}/bench-$name.XXXXXX") && scratch+=("$work"); }
[ -x "$BENCH_BIN/programs/timed" ] || fail "$BENCH_BIN/programs/timed is not built"

# Nothing that a script starts outlives it: what is waited for runs in the background, so that signals are heard at
# once, and dies with the script even where that is killed outright.
clean_up() {
	local jobs
	jobs=$(jobs -p)
	# shellcheck disable=SC2086
	[ -z "$jobs" ] || kill $jobs 2>/dev/null || true
	wait
	rm -rf "${scratch[@]}"
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

tied="setpriv --pdeathsig KILL" # what begins so dies with its parent

# attended COMMAND...: runs it, ready to be interrupted.
attended() {
	$tied "$@" &
	wait $!
}

# need PROGRAM PACKAGE: the row is left out where the program is missing.
need() {
	command -v "$1" >/dev/null && return
	echo "$name: skipped, there is no $1 (Debian package $2)" >&2
	exit 77
}

# amount FULL QUICK: one of them.
amount() { if [ -n "${BENCH_QUICK:-}" ]; then echo "$2"; else echo "$1"; fi; }

# The folder that is kept: one for each size, and another when this script, what it shares or the inputs have changed.
data=$BENCH_CACHE/programs/$name.$(amount full quick).$(cat "$0" "$here/common.sh" "$input"/* | cksum | cut -d' ' -f1)
mkdir -p "$data" "$work"
cd "$work"

# once NAME COMMAND...: $data/NAME becomes what the command prints, unless it is there. Whole or not at all.
once() {
	local file=$data/$1
	shift
	[ -e "$file" ] || { "$@" >"$file.$$" && mv "$file.$$" "$file"; } || fail "cannot make $file"
}

# What a script may define for `measure`; both run in the folder of the run, on glibc, unmeasured.
prepare() { :; }         # before the command
result() { cat stdout; } # prints what must be the same on all allocators

# in_folder FOLDER COMMAND...: one run.
in_folder() {
	mkdir "$1" && cd "$1" && shift && prepare && "$@" && cd ..
}

plainly() { attended "$@" >stdout; }
answer() { (cd "$1" && result) | cksum; }

reference() {
	in_folder reference plainly "$@" >&2 && answer reference && rm -r reference
}

# measure PROGRAM [ARGUMENT...]: reports what it takes on the allocator under test. The first run of this version of
# the program with these arguments is preceded by one on glibc, which gives the answer.
measure() {
	local key
	key=answer.$({ echo "$@"; stat -L -c '%s %Y' "$(command -v "$1")"; } | cksum | cut -d' ' -f1)
	once "$key" reference "$@"
	BENCH_PRELOAD=$preload in_folder measured attended "$BENCH_BIN/programs/timed" stdout "$@"
	[ "$(answer measured)" = "$(cat "$data/$key")" ] || fail "the output is not that on glibc"
}

# server_start COMMAND...: in the background, on the allocator under test; its process is $server.
server_start() {
	$tied env ${preload:+LD_PRELOAD="$preload"} "$@" >server.log 2>&1 &
	server=$!
}

# server_wait COMMAND...: until the command succeeds; ten seconds at most.
server_wait() {
	local tries
	for ((tries = 0; tries < 200; tries++)); do
		"$@" >wait.log 2>&1 && return
		kill -0 "$server" 2>/dev/null || break
		sleep 0.05
	done
	cat server.log >&2
	fail "the server does not answer"
}

# server_report REQUESTS NANOSECONDS: each as of one request.
server_report() {
	echo "bench: time_ns $(($2 / $1))"
	awk -v requests="$1" -v hertz="$(getconf CLK_TCK)" \
		'{ sub(/.*\)/, ""); printf "bench: cpu_ns %d\n", ($12 + $13) / hertz * 1e9 / requests }' "/proc/$server/stat"
	awk '/^VmHWM:/ { print "bench: rss_kib", $2 }' "/proc/$server/status"
}

server_stop() {
	kill "$server"
	wait "$server" || [ $? = 143 ] || { cat server.log >&2; fail "the server ended badly"; }
}

# A port of 127.0.0.1 that nothing listens at.
free_port() {
	local port=$((20000 + $$ % 10000))
	while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
	echo "$port"
}
