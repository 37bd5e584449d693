"""Prints one line for each test of a JUnit file: its name, how it ended, and what else was said of it."""

import sys, xml.etree.ElementTree as tree
for case in sorted(tree.parse(sys.argv[1]).iter("testcase"), key=lambda c: c.get("name")):
    print(case.get("name"), case.get("result"), *sorted(child.tag for child in case if child.tag in
          ("skipped", "failure", "error")))
