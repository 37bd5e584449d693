-- The work of programs/lua5.4.sh, which says what it is for.

local state = 3
local function rnd(n) state = (state * 1103515245 + 12345) % 2147483648; return state // 256 % n end
local function checksum(s)
  local h = 5381
  for i = 1, #s, 7 do h = (h * 33 + s:byte(i)) % 4294967296 end
  return h
end
for _, mode in ipairs { "incremental", "generational" } do
  collectgarbage(mode)
  local count, list = {}, {}
  for i = 1, 150000 do
    local w = string.char(97 + rnd(26), 97 + rnd(26), 97 + rnd(6))
    count[w] = (count[w] or 0) + 1
    list[#list + 1] = w
  end
  local keys = {}
  for k in pairs(count) do keys[#keys + 1] = k end
  table.sort(keys, function(a, b) return count[a] > count[b] or count[a] == count[b] and a < b end)
  for i = 1, 5 do print(keys[i], count[keys[i]]) end
  local text = table.concat(list, " ")
  print(#text, checksum(text:gsub("(%w)(%w+)", "%2%1")), select(2, text:gsub("a%w", "")))
  local function tree(d) return d == 0 and {} or { tree(d - 1), tree(d - 1), name = ("n"):rep(d) } end
  local function size(t) return t[1] and 1 + size(t[1]) + size(t[2]) or 1 end
  local total = 0
  for d = 4, 16 do total = total + size(tree(d)) end
  print(total)
  local fibers = {}
  for i = 1, 2000 do fibers[i] = coroutine.wrap(function() for j = 1, 20 do coroutine.yield(i * j) end end) end
  local sum = 0
  for _ = 1, 20 do for _, f in ipairs(fibers) do sum = sum + f() end end
  local slots = {}
  for i = 1, 400000 do slots[rnd(3000)] = { i, tostring(i):rep(1 + rnd(30)) } end
  for i = 0, 2999 do sum = sum + #slots[i][2] end
  print(sum)
end
collectgarbage()
print(collectgarbage("count") < 4000)
