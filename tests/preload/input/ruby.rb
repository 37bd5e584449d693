# The work of programs/ruby.sh, which says what it is for.

require "json"; require "set"; require "digest"; require "erb"

state = 7
rnd = ->(n) { state = (state * 1103515245 + 12345) % 2**31; (state >> 8) % n }
digest = ->(x) { Digest::SHA256.hexdigest(x.to_s) }

words = Array.new(60_000) { Array.new(1 + rnd[4]) { %w[ka lo mi ru ten sha vor il][rnd[8]] }.join }
puts words.tally.sort_by { |w, n| [-n, w] }.first(10).map { |w, n| "#{w} #{n}" }
puts digest[words.group_by(&:size).transform_values { |v| v.uniq.sort }.to_a]
text = words.join(" ")
puts digest[text.gsub(/\b([aeiou]\w+)|(\w*ru\b)/) { $1 ? $1.upcase : "<#{$2}>" }], text.scan(/(\w+) \1\b/).size

tree = ->(d) { d.zero? ? nil : { "l" => tree[d - 1], "v" => "x" * (d * 13), "r" => tree[d - 1] } }
json = JSON.generate(tree[14], max_nesting: 0)
puts json.size, digest[JSON.generate(JSON.parse(json, max_nesting: 0), max_nesting: 0)]

grown = String.new
200_000.times { |i| grown << i.to_s }
puts digest[grown], digest[3**20_000], digest[(1..2500).inject(:*)]

slots = []
300_000.times { |i| slots[rnd[5000]] = [i.to_s * (1 + rnd[20]), { i => :x }] }
GC.start
GC.compact if GC.respond_to?(:compact)
puts digest[slots.compact.map(&:first).join]
GC.stress = true
puts Set.new((1..60).map { |i| "#{i % 37}" * 10 }).size
GC.stress = false

puts (1..8).map { |n| Thread.new { digest[words.each_slice(n).map { |s| s.join("-") }.sort.join] } }.map(&:value)
fibers = (1..200).map { |n| Fiber.new { 20.times { |i| Fiber.yield "#{n}:#{i}" }; nil } }
puts digest[fibers.flat_map { |f| 20.times.map { f.resume } }.join]
puts ERB.new("<% 2000.times do |i| %><%= i %>,<% end %>").result.size
r, w = IO.pipe
pid = fork { r.close; w.puts digest[words.map(&:reverse).sort.join]; w.close; exit!(0) }
w.close; puts r.read; Process.wait(pid); puts $?.exitstatus
