"""dicts.py COUNT - builds and changes dictionaries of strings, lists and tuples: object after object of 30 to 500 bytes."""

import sys

count = int(sys.argv[1])
table = {}
for i in range(count):
    table[f"key {i}"] = [i, str(i) * 3, (i, i + 1)]
for i in range(0, count, 3):
    del table[f"key {i}"]
for i in range(count * 2 // 3):
    table[f"new {i}"] = {"a": i, "b": [i] * 10}
words = [word for key in table for word in key.split()]
print(len(table), len(words), sum(len(word) for word in words))
