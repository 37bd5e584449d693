"""Objects that refer to each other, in cycles that only the collector breaks; trees that are built and thrown away."""
import sys


class Node:
    def __init__(self, name, value):
        self.name = name
        self.value = value
        self.peers = []


class Tree:
    __slots__ = ("left", "right", "key")

    def __init__(self, key):
        self.key = key
        self.left = self.right = None

    def insert(self, key):
        tree = self
        while True:
            side = "left" if key < tree.key else "right"
            below = getattr(tree, side)
            if below is None:
                setattr(tree, side, Tree(key))
                return
            tree = below


count = int(sys.argv[1])
state = 12345
ring = []
total = 0
for i in range(count):
    state = (state * 1103515245 + 12345) & 0x7FFFFFFF
    node = Node("node %d" % i, state)
    if ring:
        other = ring[state // 8 % len(ring)]
        node.peers.append(other)
        other.peers.append(node)
    if len(ring) < count // 8:
        ring.append(node)
    else:
        ring[state // 16 % len(ring)] = node
    if i % 1000 == 0:
        tree = Tree(state)
        for k in range(400):
            tree.insert((state * (k + 1) * 7919) & 0xFFFFF)
        total += tree.left.key if tree.left else 0
total += sum(len(peer.name) for node in ring for peer in node.peers)
print(total, sum(node.value for node in ring))
