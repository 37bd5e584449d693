# Apache with its threaded worker (event) under a fixed number of requests from ab on the loopback: pools that are
# created and destroyed for each request on many threads, compression, directory listings, a graceful restart, which
# unloads and loads all modules and forks new children, and an end. Pages are compared with the files they come from.

needs=(apache2 ab curl cmp sha256sum)
probe=(apache2 -v)

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
		StartServers 2
		ThreadsPerChild 8
		MaxRequestWorkers 32
		MaxConnectionsPerChild 700
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

load() { # load PATH [OPTION...]
	ab -q -n 1500 -c 12 "${@:2}" "http://127.0.0.1:$port/$1" |
		grep -E '^(Complete|Failed|Non-2xx|Document Length)'
}

workload() {
	trap '[ -z "${server_pid:-}" ] || kill "$server_pid"' EXIT
	serve
	load stdio.h
	load stdio.h -H "Accept-Encoding: gzip"
	load linux/
	kill -USR1 "$server_pid"
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
