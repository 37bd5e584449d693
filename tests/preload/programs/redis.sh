# Redis: a server on a Unix socket with I/O threads and lazy freeing, a generated data set of every type, then
# redis-benchmark, a save by a forked child, a reload, and a restart from a rewritten append-only file. What is compared
# is the server's own digest of all its data at each step. Debian's redis is linked to libjemalloc's plain malloc
# names, so a preloaded library takes its place, while mallctl (MEMORY PURGE, INFO) still goes to jemalloc.

needs=(redis-benchmark redis-cli redis-check-rdb awk)
probe=(redis-check-rdb --version)

ask() { redis-cli -s redis.sock "$@"; }

# server [OPTION...]: starts it and waits until it has loaded its data. It is the program redis-check-rdb under another
# name; the package that has it under its own name would also start a system service.
server() {
	(exec -a redis-server redis-check-rdb --port 0 --unixsocket redis.sock --save "" --io-threads 2 \
		--io-threads-do-reads yes --enable-debug-command local --aof-use-rdb-preamble no \
		--lazyfree-lazy-user-del yes --lazyfree-lazy-user-flush yes "$@" >>server.log) &
	server_pid=$!
	until [ -S redis.sock ] && [ "$(ask ping)" = PONG ]; do
		kill -0 "$server_pid" || { tail server.log >&2; return 1; }
		sleep 0.05
	done
}

commands() { # commands FROM TO: some of each kind
	awk -v from="$1" -v to="$2" 'BEGIN {
		for (i = from; i < to; i++) {
			value = sprintf("%0" (1 + i * 7919 % 400) "d", i)
			k = i * 31 % 3000
			if (i % 6 == 0) print "SET string:" i, value
			if (i % 6 == 1) print "HSET hash:" k, "f" i, value
			if (i % 6 == 2) print "ZADD zset:" k % 50, i % 997, value
			if (i % 6 == 3) print "RPUSH list:" k % 200, value
			if (i % 6 == 4) print "SADD set:" k % 100, i, "m" i
			if (i % 6 == 5) print "APPEND string:" k, value
			if (i % 12 == 6) print "XADD stream:" k % 20, i + 1 "-1", "field", value
			if (i % 10 == 9) print "DEL string:" i - 60, "hash:" k - 3
			if (i % 50 == 8) print "EXPIRE string:" k, 1000000
		}
	}'
}

workload() {
	local test
	server_pid=
	trap '[ -z "$server_pid" ] || kill "$server_pid"' EXIT
	server
	commands 0 60000 | ask --pipe | tail -n 1
	ask dbsize
	ask debug digest
	ask memory purge
	ask eval 'local t = {} for i = 1, 20000 do t[i] = "lua" .. i end redis.call("RPUSH", "lua", unpack(t, 1, 5000))
		return #table.concat(t)' 0
	for test in set,get,incr lpush,rpush,lpop sadd,hset,zadd mset,lrange_100; do
		redis-benchmark -s redis.sock -n 8000 -c 20 -P 16 --threads 2 -d 300 --csv -t "$test" | cut -d, -f1
	done
	ask mget counter:__rand_int__ key:__rand_int__
	ask llen mylist
	ask debug digest
	ask debug reload
	ask debug digest
	ask bgsave
	while ask info persistence | grep '^rdb_bgsave_in_progress:1' >states; do sleep 0.05; done
	ask info persistence | grep '^rdb_last_bgsave_status'
	ask config set appendonly yes
	while ask info persistence | grep -E '^aof_rewrite_(in_progress|scheduled):1' >states; do sleep 0.05; done
	ask info persistence | grep '^aof_last_bgrewrite_status'
	commands 60000 63000 | ask --pipe | tail -n 1
	ask debug digest
	ask shutdown
	wait "$server_pid" && echo "ended"
	server --appendonly yes
	ask debug digest
	ask flushall async
	ask dbsize
	ask shutdown
	wait "$server_pid" && echo "ended"
	server_pid=
}
