#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Labels and sizes of a guest's processes from two sources: pages of one VM, saved one after the other.

same-labels.py VM PAGE PAGE

A process that is in both has the same labels; those of the kernel and those that sleep must be in
both, and memory, files and threads of what sleeps agree."""
import re
import sys

vm, pages = sys.argv[1], sys.argv[2:]
LINE = re.compile(r'^(\w+)\{(.*)\} (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
SIZES = ("vm_process_memory_usage", "vm_process_open_files", "vm_process_threads")


def processes(path):
    found = {}
    for match in filter(None, map(LINE.match, open(path, errors="surrogateescape").read().splitlines())):
        labels = dict(LABEL.findall(match.group(2)))
        if match.group(1) not in SIZES or labels.get("vm") != vm:
            continue
        task = found.setdefault(labels["pid"], {"labels": (labels["comm"], labels.get("cgroup"))})
        task[match.group(1)] = float(match.group(3))
    return found


first, second = map(processes, pages)
both = first.keys() & second.keys()
bad = []
for pid in sorted(both, key=int):
    a, b = first[pid], second[pid]
    if a["labels"] != b["labels"]:
        bad.append(f"{pid}: {a['labels']} and {b['labels']}")
    if a["labels"][0] in ("sleep", "guestrep") or a["labels"][0].startswith("od"):
        bad += [f"{pid} {a['labels'][0]}: {key} {a.get(key)} and {b.get(key)}"
                for key in SIZES if a.get(key) != b.get(key)]
for name in ("sleep", "guestrep", "burner", "kthreadd"):
    if name not in {first[pid]["labels"][0] for pid in both}:
        bad.append(f"{name} is not in both")
for line in bad:
    print("#", line)
print(f"# {len(both)} processes in both, {len(first)} and {len(second)} in each")
sys.exit(bool(bad) or len(both) < 20)
