-- Records in tables, strings made and joined, closures; three generations, of which the one before lives on.
local count = tonumber(arg[1])
local state = 12345
local function random(bound)
	state = (state * 1103515245 + 12345) % 2147483648
	return state % bound
end
local before
for generation = 1, 3 do
	local records, index = {}, {}
	for i = 1, count do
		local name = "name" .. random(count)
		local record = { id = i, name = name, tags = { random(10), random(10) } }
		record.get = function() return record.id end
		records[i] = record
		index[name] = record
	end
	local parts = {}
	for name, record in pairs(index) do
		parts[#parts + 1] = name .. "=" .. record.get()
	end
	table.sort(parts)
	local text = table.concat(parts, ";")
	assert(#text > count)
	assert(before == nil or before[count].get() == count)
	print(#text, #parts, parts[1], parts[#parts], text:sub(count, count + 100))
	before = records
end
