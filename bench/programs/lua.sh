# lua.sh - Lua tables, strings and closures; all of them go through one realloc-shaped function.
. "${0%/*}/common.sh"
need lua5.4 lua5.4
measure lua5.4 "$input/lua.lua" "$(amount 100000 30000)"
