"""A large JSON text made, parsed, changed, grouped and written, three times over."""
import json
import sys
import zlib

count = int(sys.argv[1])
state = 12345
items = []
for i in range(count):
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    items.append({"id": i, "name": "item %d" % (state % count), "tags": ["a%d" % (state % 7), "b", None, True],
                  "size": {"w": state % 640, "h": state / 3}, "text": "x" * (state // 64 % 200)})
for turn in range(3):
    text = json.dumps(items)
    items = json.loads(text)
    groups = {}
    for item in items:
        item["id"] += turn
        groups.setdefault(item["size"]["w"], []).append(item)
    items = [item for width in sorted(groups) for item in groups[width]]
print(len(text), zlib.crc32(json.dumps(items, indent=1).encode()))
