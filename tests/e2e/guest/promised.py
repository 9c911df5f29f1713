#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every promised name has a value of a VM, and one that can be.

promised.py URL VM NAMES.c PATIENCE"""
import re
import sys
import time
import urllib.request

url, vm, source, patience = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
promised = re.findall(r'\{"(vm\.[a-z_.]+)", "([^"]+)"\}', open(source).read())
renamed = {"vm.memory.total": "_bytes", "vm.memory.swap_total": "_bytes"}
LINE = re.compile(r'^(\w+)\{vm="([^"]*)".*\} (\S+)$')

# What a guest of 128 MiB on this machine cannot exceed; processes may use all of its CPUs.
MOST = {"percent": 400, "bytes": 1 << 30, "bytes/s": 1e10, "ms": 60000, "1/s": 1e8, "s": 1e6,
        "count": 10000}
SOME = {"vm.cpu.usage", "vm.cpu.core.usage", "vm.cpu.user_time", "vm.cpu.system_time",
        "vm.memory.usage_percent", "vm.memory.used", "vm.memory.total", "vm.memory.free",
        "vm.memory.swap_used", "vm.memory.swap_total", "vm.memory.page_faults",
        "vm.memory.balloon_current", "vm.memory.balloon_target", "vm.disk.usage_percent",
        "vm.disk.used", "vm.disk.size", "vm.disk.read_iops", "vm.disk.read_throughput",
        "vm.disk.read_latency", "vm.process.cpu_usage", "vm.process.memory_usage",
        "vm.process.memory_percent", "vm.process.read_iops", "vm.process.open_files",
        "vm.process.run_time"}


def look(seen):
    text = urllib.request.urlopen(url + "/metrics", timeout=10).read().decode()
    for match in filter(None, map(LINE.match, text.splitlines())):
        if match.group(2) == vm:
            seen.setdefault(match.group(1), []).append(float(match.group(3)))


def judge(seen):
    for name, unit in promised:
        values = seen.get(name.replace(".", "_") + renamed.get(name, ""))
        if not values:
            yield f"{name} has no value"
        elif not all(0 <= v <= MOST[unit] for v in values):
            yield f"{name} is {min(values)} to {max(values)} {unit}"
        elif name in SOME and not max(values) > 0:
            yield f"{name} is never more than 0"


end, seen, bad = time.monotonic() + patience, {}, ["no page"]
while bad and time.monotonic() < end:
    try:
        look(seen)
        bad = list(judge(seen))
    except OSError as error:
        bad = [str(error)]
    time.sleep(1)
print(f"# {len(promised)} names are promised")
for line in bad:
    print("#", line)
sys.exit(1 if bad or len(promised) < 40 else 0)
