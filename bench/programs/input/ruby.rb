# Objects with long strings and arrays, kept in a hash, grouped and mapped.
Item = Struct.new(:id, :name, :parts)
count = ARGV[0].to_i
state = 12345
index = {}
count.times do |i|
  state = (state * 1_103_515_245 + 12_345) & 0x7fffffff
  name = "item number #{state % count} of all the #{count} items"
  index[name] = Item.new(i, name, Array.new(state % 8) { |k| "part #{k} of #{i}, which is a longer string" })
end
groups = index.values.group_by { |item| item.id % 1000 }
text = groups.map { |key, items| "#{key}:" + items.map(&:name).join(",") }.join("\n")
raise "items were lost" unless groups.values.sum(&:size) == index.size && text.size > count
puts index.size, text.size, text.sum(32), text[count, 100]
