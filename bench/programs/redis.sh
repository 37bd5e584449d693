# redis.sh - a Redis server under redis-benchmark: strings, lists, hashes and sorted sets under random keys. After it,
# the server's own digest of keys that the load does not touch must be that of a server on glibc.
#
# The server is redis-check-rdb under another name: the package that has it under its own also starts a service.
# Debian's is linked with jemalloc; so that "glibc" is glibc, the C library itself is preloaded there, and comes first.
. "${0%/*}/common.sh"
need redis-check-rdb redis-tools
need redis-benchmark redis-tools
requests=$(amount 40000 10000)
glibc=$(ldd "$(command -v redis-check-rdb)" | awk '$1 == "libc.so.6" { print $3 }')

ask() { redis-cli -s socket "$@"; }

start() {
	server_start bash -c 'exec -a redis-server redis-check-rdb "$@"' - --port 0 --unixsocket socket \
		--save '' --appendonly no --daemonize no --enable-debug-command local
	server_wait ask ping
	awk 'BEGIN {
		for (i = 0; i < 20000; i++) {
			k = i * 31 % 500
			print "HSET known:hash:" k, "f" i, sprintf("%0" (1 + i * 7919 % 400) "d", i)
			print "ZADD known:zset:" k, i % 997, "m" i
		}
	}' | ask --pipe >pipe.log
}

stop() {
	ask shutdown nosave >shutdown.log || true
	wait "$server" || fail "the server ended badly"
}

digest() {
	seq 0 499 | sed 's/.*/known:hash:& known:zset:&/' | xargs redis-cli -s socket debug digest-value | cksum
}

plain_digest() (
	# shellcheck disable=SC2030
	preload=$glibc
	start && digest && stop
)

load() { attended redis-benchmark -s socket -q -c 20 -P 16 -n "$requests" -r 50000 "$@" >load.log; }

once digest plain_digest
# shellcheck disable=SC2031 # what plain_digest sets is meant for itself alone
preload=${preload:-$glibc}
start
begin=$(date +%s%N)
load -d 100 -t set,get,lpush,lpop,sadd,hset,zadd
load -d 1500 -t set
load setrange key:__rand_int__ 300 value
end=$(date +%s%N)
[ "$(digest)" = "$(cat "$data/digest")" ] || fail "the server's data have changed"
server_report $((requests * 9)) $((end - begin))
stop
