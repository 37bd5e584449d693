# web.sh nginx|apache2 - a web server under wrk: small pages, a folder's listing, compressed answers, connections that
# end after some requests. nginx with one worker, Apache with a process of 16 threads. A run of fixed time: time_ns is
# that time by the requests that were answered. After it, pages must be those of the server on glibc.
. "${0%/*}/common.sh"
need "$1" "$([ "$1" = nginx ] && echo nginx || echo apache2-bin)"
need wrk wrk
need curl curl
server_name=$1
seconds=$(amount 2 1)
port=$(free_port)
url=http://127.0.0.1:$port

mkdir site
for ((i = 1; i <= 100; i++)); do
	seq -f "page $i, line %g" $((i * 7 % 150 + 1)) >"site/page_$i.html"
done
touch -d 2020-01-01 site/*

nginx_settings() {
	cat <<-END
		daemon off; master_process off; worker_processes 1; error_log stderr warn; pid nginx.pid;
		events { worker_connections 256; }
		http {
			access_log off; keepalive_requests 50; autoindex on; gzip on; gzip_min_length 1000; gzip_comp_level 1;
			client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
			scgi_temp_path scgi; types { text/html html; }
			server { listen 127.0.0.1:$port; root $work/site; }
		}
	END
}

apache2_settings() {
	local module
	for module in mpm_event authz_core mime dir autoindex deflate filter; do
		echo "LoadModule ${module}_module /usr/lib/apache2/modules/mod_$module.so"
	done
	cat <<-END
		ServerName localhost
		TypesConfig /dev/null
		ServerRoot $work
		PidFile $work/apache.pid
		Mutex file:$work
		ErrorLog /dev/stderr
		LogLevel warn
		Listen 127.0.0.1:$port
		DocumentRoot $work/site
		StartServers 1
		ServerLimit 1
		ThreadsPerChild 16
		MaxRequestWorkers 16
		AsyncRequestWorkerFactor 4
		MaxKeepAliveRequests 50
		AddType text/html .html
		DeflateCompressionLevel 1
		AddOutputFilterByType DEFLATE text/html
		<Directory $work/site>
			Options Indexes
			IndexOptions FancyIndexing
			Require all granted
		</Directory>
	END
}

start() {
	case $server_name in
	nginx) server_start nginx -p "$work" -c "$work/settings" ;;
	apache2) server_start apache2 -X -f "$work/settings" ;;
	esac
	server_wait curl -sf "$url/page_1.html"
}

pages() { # some of them, plain and compressed
	for path in / /page_1.html /page_21.html /page_77.html; do
		curl -sf "$url$path"
		curl -sf --compressed "$url$path"
	done | cksum
}

plain_pages() (
	preload=
	start && pages && server_stop
)

"${server_name}_settings" >settings
once "$server_name.pages" plain_pages
start
attended wrk -t1 -c16 -d"${seconds}s" -s "$input/web.lua" "$url/" >wrk.log
! grep -q 'Non-2xx\|Socket errors: connect [1-9]' wrk.log || { cat wrk.log >&2; fail "answers were lost"; }
[ "$(pages)" = "$(cat "$data/$server_name.pages")" ] || fail "the pages are not those on glibc"
server_report "$(awk '/ requests in / { print $1 }' wrk.log)" $((seconds * 1000000000))
server_stop
