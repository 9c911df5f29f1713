#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The page's processes of a guest whose memory is read, against two reports of the guest itself.

page-compare.py PAGE VM CONSOLE: the guest reported once before that page and once after it; a counter lies
between both, what does not change is equal, and every process of the page is one of the guest.

oracle: vm_process_threads vm_process_queue_seconds_total: the process in the guest's own /proc, before and after
oracle: vm_cpu_guest_queue_seconds_total: the guest's own /proc/schedstat, before and after
oracle: vm_guest_load1 vm_guest_load5 vm_guest_load15: the guest's own /proc/loadavg, before and after
"""
import os, re, sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
from compare import SELF, SLACK, parse  # noqa: E402

page, vm, console = sys.argv[1:]
text = open(console, encoding="utf-8", errors="replace").read().replace("\r", "")
blocks = re.findall(r"^BEGIN\n(.*?)^END\n", text, re.M | re.S)[-2:]
before, after = (parse(block.split("\n")) for block in blocks)
loads = [list(map(float, re.search(r"^L (\S+) (\S+) (\S+)", b, re.M).groups())) for b in blocks]
bad, n = [], 0


def check(what, ok, detail):
    global n
    n += 1
    if not ok:
        bad.append(f"{what}: {detail}")


def between(what, low, value, high, slack):
    check(what, min(low, high) - slack <= value <= max(low, high) + slack, f"{value}, the guest says {low} to {high}")


series = {}
for line in open(page, encoding="utf-8"):
    m = re.match(r"(\w+)\{(.*)\} (\S+)$", line)
    labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', m[2])) if m else {}
    if labels.get("vm") == vm:
        series.setdefault(m[1], []).append((labels, float(m[3])))

named = 0
for labels, threads in series["vm_process_threads"]:
    pid = int(labels["pid"])
    a, b = before[0].get(pid), after[0].get(pid)
    if not a and not b:
        # Only the reader itself comes and goes.
        check(f"process {pid}", labels["comm"] in (SELF, "sh", "init"), f"{labels} is none of the guest's")
        continue
    a, b = a or b, b or a
    check(f"comm of {pid}", labels["comm"] == a["comm"] or a["kt"], f"{labels['comm']}, the guest says {a['comm']}")
    check(f"cgroup of {pid}", labels.get("cgroup", "") == a.get("cg", "/").lstrip("/"), f"{labels}, the guest says {a.get('cg')}")
    between(f"threads of {pid}", a["threads"], threads, b["threads"], 0)
    named += 1
    queue = [v * 1e9 for l, v in series["vm_process_queue_seconds_total"] if l["pid"] == labels["pid"]]
    if a is not b:
        between(f"queue of {pid} ({a['comm']})", a["delay"], queue[0], b["delay"], SLACK["delay"])
queued = sum(c["delay"] > 0 for c in after[0].values())
check("processes that waited", queued >= 10, queued)
check("processes named", named >= 10, named)
total = [sum(c.get("delay", 0) for c in cpus.values()) for _, _, cpus in (before, after)]
between("queue of all", total[0], series["vm_cpu_guest_queue_seconds_total"][0][1] * 1e9, total[1], SLACK["delay"])
for i, name in enumerate(("vm_guest_load1", "vm_guest_load5", "vm_guest_load15")):
    # The guest works it out anew every 5 s.
    between(name, loads[0][i], series[name][0][1], loads[1][i], 0.02)
print("\n".join(bad) or f"{n} values of the page are the guest's")
sys.exit(bool(bad))
