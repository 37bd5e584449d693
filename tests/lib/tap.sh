# Test Anything Protocol for the shell suites (https://testanything.org): one line a test, read by tests/run.
#
# A suite sources this file, calls ok, not_ok or skip once a test, and ends with tap_done.
# LIBMALLOC is the library under test (an absolute path), BUILD the folder for what the suite compiles.

tap_count=0

tap_line() { # tap_line "ok"|"not ok" NAME [DIRECTIVE]
	tap_count=$((tap_count + 1))
	printf '%s %d - %s%s\n' "$1" "$tap_count" "$2" "${3:+ # $3}"
}

ok() { tap_line "ok" "$1"; }

# not_ok NAME WHY...: the reason goes on comment lines below the result.
not_ok() {
	tap_line "not ok" "$1"
	shift
	printf '%s\n' "$*" | sed 's/^/#   /'
}

# skip NAME WHY: only for what this machine cannot do, and for what needs a package of tests/SUITE/optional that is missing.
skip() { tap_line "ok" "$1" "SKIP $2"; }

tap_done() { printf '1..%d\n' "$tap_count"; }
