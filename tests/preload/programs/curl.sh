# curl: several hundred file:// transfers, one by one and in parallel, with its connection cache, URL globbing and
# libraries (TLS, HTTP/2, IDN, LDAP...) that are loaded and initialised for each start.

needs=(curl seq cmp sha256sum)
probe=(curl --version)

workload() {
	local i
	mkdir from to
	for i in $(seq 200); do seq "$((i * 50))" >"from/$i"; done
	curl -sS "file://$PWD/from/[1-200]" -o "to/#1"
	diff -r from to && echo "one by one: same"
	rm to/*
	curl -sS -Z --parallel-max 20 "file://$PWD/from/[1-200]" -o "to/#1"
	diff -r from to && echo "in parallel: same"
	for i in 1 2 3 4 5 6 7 8 9 10; do
		curl -sS "file://$PWD/from/$i" -r 10-500 | sha256sum
	done
	curl -sS -I "file://$PWD/from/100" | grep -i length
	curl -sS -T from/100 "file://$PWD/to/uploaded" && cmp from/100 to/uploaded
	curl -sS "file://$PWD/none" || echo "missing: $?"
}
