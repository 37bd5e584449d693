# nginx.sh - one worker of a web server under wrk, with headers to parse and a directory listing to make (a row of
# fixed time: time_ns is that time by the requests that were answered).
. "$BENCH/programs/common.sh"
mkdir site
for i in $(seq 1 200); do echo "page $i" >"site/page_$i.html"; done
cat >nginx.conf <<END
daemon off; master_process off; worker_processes 1; error_log stderr warn; pid nginx.pid;
events { worker_connections 256; }
http {
	access_log off; keepalive_requests 50; autoindex on; gzip on; gzip_min_length 100;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
	scgi_temp_path scgi; types { text/html html; }
	server { listen 127.0.0.1:$port; root $PWD/site; }
}
END
server_start nginx -p "$PWD" -c "$PWD/nginx.conf"
server_wait sh -c "wrk -t1 -c1 -d1s http://127.0.0.1:$port/page_1.html | grep -q '^Requests/sec: *[1-9]'"
seconds=$(amount 2 1)
wrk -t1 -c32 -d"${seconds}s" -H 'Accept-Encoding: gzip' "http://127.0.0.1:$port/" >wrk.log
! grep -q 'Non-2xx\|Socket errors: connect [1-9]' wrk.log
requests=$(awk '/ requests in / { print $1 }' wrk.log)
server_report "$requests" $((seconds * 1000000000))
