-- The requests: pages in turn, two in three compressed, and the listing of the folder now and then.
local number = 0
function request()
	number = number + 1
	local headers = number % 3 > 0 and { ["Accept-Encoding"] = "gzip" } or {}
	local path = number % 25 == 0 and "/" or "/page_" .. number * 7 % 100 + 1 .. ".html"
	return wrk.format("GET", path, headers)
end
