"""Dictionaries of strings and lists: filled, changed, joined, sorted, thrown away."""
import sys
import zlib

count = int(sys.argv[1])
state = 12345
table = {}
for i in range(count):
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    key = "key-%d" % (state % (count // 2))
    table.setdefault(key, []).append((i, "value %d" % state, float(state)))
    if i % 3 == 0:
        table.pop("key-%d" % (state // 7 % (count // 2)), None)
words = " ".join(item[1] for items in table.values() for item in items).split()
lengths = {}
for word in words:
    lengths[word] = lengths.get(word, 0) + 1
order = sorted(lengths.items(), key=lambda pair: (pair[1], pair[0]))
copies = [{"name": key, "items": list(items)} for key, items in table.items()]
assert sum(len(copy["items"]) for copy in copies) * 2 == len(words)
assert len(order) == len(lengths)
print(len(order), order[-1], zlib.crc32(repr(copies).encode()))
