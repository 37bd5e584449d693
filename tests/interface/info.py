"""What malloc_info, mallinfo2 and malloc_stats say of one heap (info.c) agrees, and adds up.

   info.py XML FIELDS STATS: the files that info wrote
"""
import re
import sys
import xml.etree.ElementTree as tree

root = tree.parse(sys.argv[1]).getroot()
fields = {name: int(value) for name, value in (line.split() for line in open(sys.argv[2]))}
stats = [int(number) for number in re.findall(r"= +(\d+)$", open(sys.argv[3]).read(), re.M)]
wrong = []


def same(what, *numbers):
    if len(set(numbers)) != 1:
        wrong.append(f"{what}: {numbers}")


def totals(element):
    return {total.get("type"): (int(total.get("count")), int(total.get("size"))) for total in element.findall("total")}


def system(element):
    return {(part.tag, part.get("type")): int(part.get("size")) for part in element if part.tag in ("system", "aspace")}


def of(name):
    return sum(int(element.get(name)) for element in heap.find("sizes"))


same("root", (root.tag, root.get("version")), ("malloc", "1"))
heap, = root.findall("heap")
same("heap", heap.get("nr"), "0")
for name, (count, size) in list(totals(heap).items()) + list(totals(root).items()):
    same(f"{name}: count and size are 0 together", count == 0, size == 0)

whole, part = totals(root), totals(heap)
same("totals of the heap and of all", *[tuple(t[name] for name in ("fast", "rest", "waste")) for t in (part, whole)])
same("system of the heap and of all", *[tuple(system(element).items()) for element in (heap, root)])
same("system and aspace", *[size for key, size in system(heap).items() if key != ("system", "max")])
same("the most is no less", system(heap)["system", "max"] >= system(heap)["system", "current"], True)
same("objects and blocks", of("count"), whole["fast"][0] + whole["rest"][0])
same("bytes of objects and blocks", of("total"), whole["fast"][1] + whole["rest"][1])
cached = [element for element in heap.find("sizes") if element.get("cached")]
same("fast", sum(int(element.get("cached")) for element in cached), whole["fast"][0])
for element in heap.find("sizes").findall("size"):
    same("bytes of a size", int(element.get("to")) * int(element.get("count")), int(element.get("total")))

current = system(heap)["system", "current"]
free = sum(whole[name][1] for name in ("fast", "rest", "waste"))
same("arena", fields["arena"], current, fields["uordblks"] + fields["fordblks"], stats[0])
same("in use", fields["uordblks"], current - free, stats[1])
same("fast bins", fields["smblks"], fields["fsmblks"], 0)
same("free blocks", fields["ordblks"], whole["fast"][0] + whole["rest"][0])
same("mappings", (fields["hblks"], fields["hblkhd"]), whole["mmap"])
same("all in use", fields["uordblks"] + fields["hblkhd"], stats[3])
same("all of the system's", fields["arena"] + fields["hblkhd"], stats[2])
same("the top is free", fields["keepcost"] <= whole["rest"][1], True)
held = [int(size.get("live")) for size in heap.iter("size") if int(size.get("to")) == fields["usable"]]
same("objects held", sum(held), fields["held"])
if wrong:
    sys.exit("\n".join(wrong))
