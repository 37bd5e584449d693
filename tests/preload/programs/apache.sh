# Apache with its threaded worker (event) under a fixed number of requests from ab on the loopback: pools that are
# created and destroyed for each request on many threads, compression, directory listings, graceful restarts, each of
# which ends all children, unloads and loads all modules and forks new children, and an end. Pages are compared with the
# files they come from.
#
# Children end between the loads only: an Apache that is short of processor time may reset connections when a child ends.

needs=(apache2 ab curl cmp pgrep sha256sum)
probe=(apache2 -v)
nchildren=4  # as many as there may be: none is started or ended because of the load
patience=900 # seconds until Apache or ab gives up

configuration() { # configuration PORT: prints it
	local modules=/usr/lib/apache2/modules module
	for module in mpm_event authz_core mime dir autoindex alias deflate filter headers include reqtimeout setenvif; do
		echo "LoadModule ${module}_module $modules/mod_$module.so"
	done
	cat <<-CONF
		ServerRoot $PWD
		ServerName localhost
		Listen 127.0.0.1:$1
		PidFile $PWD/pid
		DefaultRuntimeDir $PWD
		Mutex posixsem
		ErrorLog $PWD/error.log
		User www-data
		Group www-data
		TypesConfig $PWD/types
		StartServers $nchildren
		ThreadsPerChild 8
		MaxRequestWorkers $((8 * nchildren))
		MaxConnectionsPerChild 0
		Timeout $patience
		RequestReadTimeout header=$patience body=$patience
		DocumentRoot /usr/include
		<Directory /usr/include>
			Require all granted
			Options +Indexes
			IndexOptions FancyIndexing HTMLTable SuppressLastModified
		</Directory>
		AddOutputFilterByType DEFLATE text/html text/x-chdr text/plain
		ErrorDocument 404 "here is $token"
	CONF
}

# serve: starts the server on a free port, which it finds by trying, and waits until it, not another, answers.
serve() {
	local attempt
	token=$$-$RANDOM$RANDOM
	echo "text/x-chdr h" >types
	for attempt in 1 2 3 4 5 6 7 8 9 10; do
		port=$((20000 + RANDOM % 12000))
		configuration "$port" >apache.conf
		apache2 -f "$PWD/apache.conf" -DFOREGROUND &
		server_pid=$!
		while kill -0 "$server_pid"; do
			[ "$(curl -s "http://127.0.0.1:$port/none")" != "here is $token" ] || return 0
			sleep 0.1
		done
		wait "$server_pid" || echo "attempt $attempt on port $port failed" >&2
	done
	cat error.log >&2
	return 1
}

# children_but FILE: waits until the server has all its children, and none of those in FILE; prints their ids.
children_but() {
	until pgrep -P "$server_pid" >children && [ "$(wc -l <children)" = "$nchildren" ] && ! grep -qxFf "$1" children; do
		kill -0 "$server_pid"
		sleep 0.1
	done
	cat children
}

# renew: a graceful restart. It ends when the old children have ended and the new ones are there.
renew() {
	children_but /dev/null >old
	kill -USR1 "$server_pid"
	children_but old | wc -l
}

load() { # load PATH [OPTION...]
	ab -q -s "$patience" -n 1500 -c 12 "${@:2}" "http://127.0.0.1:$port/$1" |
		grep -E '^(Complete|Failed|Non-2xx|Document Length)'
}

workload() {
	trap '[ -z "${server_pid:-}" ] || kill "$server_pid"' EXIT
	serve
	load stdio.h
	renew
	load stdio.h -H "Accept-Encoding: gzip"
	renew
	load linux/
	renew
	load stdlib.h
	for file in stdio.h stdlib.h linux/fs.h; do
		curl -s --compressed "http://127.0.0.1:$port/$file" | cmp - "/usr/include/$file" && echo "$file: same"
	done
	curl -s "http://127.0.0.1:$port/linux/" | sha256sum
	kill "$server_pid"
	wait "$server_pid" || echo "exit status $?"
	server_pid=
	grep -cE 'exit signal|core dump' error.log || true
}
