#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A VM's values from its agent against what the guest itself told on its console at that moment.

agent-compare.py URL VM CONSOLE PATIENCE

oracle: vm_disk_usage_percent: Use% of df in the guest
oracle: vm_process_memory_usage: Rss of smaps_rollup in the guest
The guest's uptime ties both together: a counter lies between the report before and the one after,
a size within what the reports around it span. Tries until one page agrees in all."""
# oracle: vm_cpu_user_seconds_total vm_cpu_system_seconds_total vm_cpu_iowait_seconds_total vm_cpu_user_time vm_cpu_system_time: the guest's own /proc/stat
# oracle: vm_memory_swap_total_bytes vm_memory_swap_used: the guest's own /proc/meminfo
# oracle: vm_guest_uptime_seconds vm_guest_processes: the guest's own /proc
# oracle: vm_process_cpu_seconds_total vm_process_cpu_usage vm_process_open_files vm_process_memory_usage vm_process_run_time: the process in the guest's own /proc
# oracle: vm_process_memory_percent: the process's resident pages and MemTotal in the guest's own /proc
# oracle: vm_process_read_iops vm_process_write_iops vm_process_read_throughput vm_process_write_throughput: the process's /proc/PID/io in the guest
# oracle: vm_memory_page_faults: pgfault in the guest's own /proc/vmstat
# oracle: vm_cpu_iowait_time: the guest's own /proc/stat
# oracle: vm_disk_used vm_disk_size: df in the guest
import re
import sys
import time
import urllib.request

url, vm, console, patience = sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])
LINE = re.compile(r'^(\w+)\{(.*)\} (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def page():
    values = {}
    text = urllib.request.urlopen(url + "/metrics", timeout=10).read().decode()
    for match in filter(None, map(LINE.match, text.splitlines())):
        labels = dict(LABEL.findall(match.group(2)))
        if labels.pop("vm", None) == vm:
            labels.pop("uuid", None)
            values.setdefault(match.group(1), []).append((labels, float(match.group(3))))
    return values


def reports():
    rows = []
    for line in open(console, errors="replace"):
        if line.startswith("REP ") and line.endswith("\n") and " procs=" in line:
            try:
                rows.append({k: float(v) for k, v in (p.split("=") for p in line.split()[1:])})
            except ValueError:
                pass  # the kernel wrote into the line
    return rows


class Check:
    def __init__(self, values, rows):
        self.values, self.bad, self.n = values, [], 0
        self.up = self.get("vm_guest_uptime_seconds")
        self.before = [r for r in rows if r["up"] <= self.up]
        self.after = [r for r in rows if r["up"] >= self.up]
        self.near = [r for r in rows if abs(r["up"] - self.up) < 4]

    def get(self, name, **want):
        found = [v for labels, v in self.values.get(name, [])
                 if all(labels.get(k) == x for k, x in want.items())]
        return found[0] if len(found) == 1 else float("nan")

    def labels(self, key, pid):
        return [labels.get(key) for labels, _ in self.values.get("vm_process_threads", [])
                if labels.get("pid") == pid]

    def same(self, what, wanted, got):
        self.n += 1
        if got != [wanted]:
            self.bad.append(f"{what}: {got} instead of {wanted}")

    def within(self, what, value, low, high):
        self.n += 1
        if not low <= value <= high:
            self.bad.append(f"{what}: {value}, the guest says {low} to {high}")

    def counter(self, name, key, scale, **want):
        # A guest reads its own files one after the other: a moment on either side.
        self.within(name, self.get(name, **want), (self.before[-1][key] - 3) * scale,
                    (self.after[0][key] + 3) * scale)

    def size(self, name, key, scale, slack, **want):
        near = [r[key] * scale for r in self.near]
        self.within(name, self.get(name, **want), min(near) - slack, max(near) + slack)

    def rate(self, name, key, cpus, **want):
        pairs = zip(self.near, self.near[1:])
        near = [(b[key] - a[key]) / (b["up"] - a["up"]) / cpus for a, b in pairs if b["up"] > a["up"]]
        self.within(name, self.get(name, **want), min(near) - 15, max(near) + 15)

    def speed(self, name, key, **want):
        """Growth a second: what the guest counted in any two seconds about then, half of it on either side."""
        near = [(b[key] - a[key]) / (b["up"] - a["up"]) for a, b in zip(self.near, self.near[2:]) if b["up"] > a["up"]]
        self.within(name, self.get(name, **want), min(near) * 0.5, max(near) * 1.5)

    def run(self):
        cpus = self.get("vm_cpu_vcpus")
        burner = str(int(self.near[-1]["burner"]))
        for name, key in (("user", "user"), ("system", "system"), ("iowait", "iowait"),
                          ("guest_steal", "steal")):
            self.counter(f"vm_cpu_{name}_seconds_total", key, 0.01)
        self.rate("vm_cpu_user_time", "user", cpus)
        self.rate("vm_cpu_system_time", "system", cpus)
        self.counter("vm_memory_faults_total", "faults", 1)
        self.counter("vm_memory_major_faults_total", "major", 1)
        self.size("vm_memory_total_bytes", "total", 1024, 0)
        self.size("vm_memory_available", "available", 1024, 3 << 20)
        self.size("vm_memory_free", "free", 1024, 3 << 20)
        self.size("vm_memory_swap_total_bytes", "swap_total", 1024, 0)
        used = [(r["swap_total"] - r["swap_free"]) * 1024 for r in self.near]
        self.within("vm_memory_swap_used", self.get("vm_memory_swap_used"), min(used) - (1 << 20),
                    max(used) + (1 << 20))
        self.within("swap in use", used[-1], 1, 1 << 40)
        self.size("vm_disk_used", "fs_used", 1024, 1024, mount="/mnt")
        self.size("vm_disk_size", "fs_size", 1024, 0, mount="/mnt")
        # Whole percent, and some versions of df round up.
        self.size("vm_disk_usage_percent", "fs_percent", 1, 1, mount="/mnt")
        for mount, fstype in (("/mnt", "ext4"), ("/medium", "romfs"), ("/frozen", "ext4")):
            self.same(f"type of {mount}", fstype,
                      [labels["fstype"] for labels, _ in self.values.get("vm_disk_used", [])
                       if labels.get("mount") == mount])
        self.same("what can be full", "/mnt",
                  [labels["mount"] for labels, _ in self.values.get("vm_disk_usage_percent", [])
                   if labels["kind"] == "filesystem"])
        small, headless, odd = (str(int(self.near[-1][k])) for k in ("small", "headless", "odd"))
        self.size("vm_process_memory_usage", "small_rss", 1024, 0, pid=small)
        self.size("vm_process_memory_usage", "headless_rss", 1024, 0, pid=headless)
        self.size("vm_process_open_files", "headless_fds", 1, 0, pid=headless)
        self.within("threads of a process without a main thread",
                    self.get("vm_process_threads", pid=headless), 3, 3)
        self.same("a name that is no text", "od\ufffdd\ufffd\ufffd", self.labels("comm", odd))
        self.same("a cgroup", "inner.service", self.labels("cgroup", small))
        self.same("the root's cgroup", None, self.labels("cgroup", burner))
        self.size("vm_guest_processes", "procs", 1, 8)
        self.counter("vm_process_cpu_seconds_total", "bticks", 0.01, pid=burner)
        self.rate("vm_process_cpu_usage", "bticks", 1, pid=burner)
        self.size("vm_process_open_files", "bfds", 1, 0, pid=burner)
        self.size("vm_process_memory_usage", "brss", 4096, 1 << 18, pid=burner)
        start = self.near[-1]["bstart"] / 100
        self.within("vm_process_run_time", self.get("vm_process_run_time", pid=burner),
                    self.up - start - 0.1, self.up - start + 0.1)
        self.within("vm_process_memory_percent", self.get("vm_process_memory_percent", pid=burner),
                    100 * (min(r["brss"] for r in self.near) * 4096 - (1 << 18)) / self.near[-1]["total"] / 1024,
                    100 * (max(r["brss"] for r in self.near) * 4096 + (1 << 18)) / self.near[-1]["total"] / 1024)
        # By its number: what it forks has its name until it is another program.
        reader = str(int(self.near[-1]["reader"]))
        self.speed("vm_process_read_throughput", "read_bytes", pid=reader)
        self.speed("vm_process_write_throughput", "write_bytes", pid=reader)
        self.speed("vm_process_read_iops", "syscr", pid=reader)
        self.speed("vm_process_write_iops", "syscw", pid=reader)
        self.speed("vm_memory_page_faults", "faults")
        self.rate("vm_cpu_iowait_time", "iowait", cpus)


end, bad = time.monotonic() + patience, ["no page"]
while time.monotonic() < end:
    try:
        values = page()
    except OSError as error:
        bad = [str(error)]
        time.sleep(1)
        continue
    time.sleep(3)
    check = Check(values, reports())
    if check.before and check.after and len(check.near) > 2:
        check.run()
        bad = check.bad
        if not bad:
            print(f"# {vm}: {check.n} values agree at uptime {check.up}")
            sys.exit(0)
    else:
        bad = [f"uptime {check.up}: {len(check.before)} reports before, {len(check.after)} after"]
for line in bad:
    print("#", line)
sys.exit(1)
