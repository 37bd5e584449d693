# node.sh - JavaScript. V8's objects have a heap of their own; malloc sees buffers, code and the compiler's zones.
. "${0%/*}/common.sh"
need node nodejs
measure node "$input/node.js" "$(amount 40000 10000)"
