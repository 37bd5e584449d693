# Lua: its whole heap goes through one realloc-shaped function, so tables that double, strings, closures and coroutines
# turn into realloc and free of every size, with the collector in both of its modes.

needs=(lua5.4)
probe=(lua5.4 -e "print(1)")

workload() {
	lua5.4 "$input/lua.lua"
}
