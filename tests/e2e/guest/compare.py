#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Boot a guest, read it from outside, and compare with what the guest says of itself.

compare.py --kernel VMLINUZ --initrd IMAGE --dump GUESTDUMP [--walks N] [qemu options ...]

The guest reports before and after the look from outside. A counter must lie between its two
reports; a value that did not change meanwhile must be equal. Exit status 0: all values agree.
"""
import argparse
import os
import re
import select
import subprocess
import sys
import time

# In the guest's report these come from files with a coarser unit: ticks of 10 ms.
TICKS = {"ut", "st"}
# The guest's own counter lags behind a running task by up to a tick; ours too.
SLACK = {"ut": 1, "st": 1, "cpu": 12_000_000, "delay": 12_000_000}
# What one look cannot compare: the reader in the guest changes itself, and pages come and go.
SELF = "guestrep"
# Exit status when the guest itself fell over: emulated ones do, now and then.
GONE = 75


class Guest:
    def __init__(self, args, qemu_args):
        append = "console=ttyS0 quiet panic=-1 " + args.append
        self.proc = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", args.accel, "-display", "none", "-serial", "stdio",
             "-nodefaults", "-no-reboot", "-kernel", args.kernel, "-initrd", args.initrd,
             "-append", append] + qemu_args,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.proc.stdout.fileno(), False)
        self.buffer = b""
        self.patience = args.patience

    def line(self, deadline):
        while b"\n" not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.proc.stdout], [], [], left)[0]:
                print("guest does not answer: " + repr(self.buffer[-400:]))
                sys.exit(GONE)
            data = self.proc.stdout.read()
            if not data:
                print("guest has gone: " + repr(self.buffer[-400:]))
                sys.exit(GONE)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")

    def wait_for(self, word, seconds):
        deadline = time.monotonic() + seconds
        lines = []
        while True:
            line = self.line(deadline)
            if line == word:
                return lines
            lines.append(line)

    def say(self, word):
        self.proc.stdin.write(word.encode() + b"\n")
        self.proc.stdin.flush()

    def report(self):
        self.say("report")
        self.wait_for("BEGIN", self.patience)
        return parse(self.wait_for("END", self.patience))

    def rss_kib(self):
        with open(f"/proc/{self.proc.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def stop(self):
        self.proc.kill()
        self.proc.wait()


def parse(lines):
    tasks, system, cpus = {}, {}, {}
    for line in lines:
        words = line.split()
        if not words:
            continue
        fields = dict(w.split("=", 1) for w in line.split(" comm=")[0].split() if "=" in w)
        fields = {k: int(v) if v.lstrip("-").isdigit() else v for k, v in fields.items()}
        if words[0] == "T":
            fields.update(ppid=int(words[2]), uid=int(words[3]), threads=int(words[4]),
                          state=words[5], comm=line.split(" comm=")[1])
            tasks[int(words[1])] = fields
        elif words[0] == "S":
            system = fields
        elif words[0] in "CD":
            cpus.setdefault(int(words[1]), {}).update(fields)
    return tasks, system, cpus


def convert(tasks):
    """Nanoseconds of the dump to the unit of the report."""
    for t in tasks.values():
        t["start"] = t["start"] // 10_000_000
    return tasks


def agrees(key, low, value, high):
    slack = SLACK.get(key, 0)
    if isinstance(low, str):
        return value in (low, high)
    return min(low, high) - slack <= value <= max(low, high) + slack


def compare_tasks(before, seen, after):
    bad = exact = 0
    for pid, a in before.items():
        b = after.get(pid)
        s = seen.get(pid)
        if b is None or a["comm"] == SELF and a["start"] != b["start"]:
            continue
        if s is None:
            print(f"BAD pid {pid} ({a['comm']}) not seen")
            bad += 1
            continue
        for key, low in a.items():
            if key not in s or key == "comm" and a["kt"]:
                continue
            if pid == 1 and key in ("state", "fds"):
                continue
            if agrees(key, low, s[key], b[key]):
                exact += low == b[key]
            else:
                print(f"BAD pid {pid} ({a['comm']}) {key}: guest {low} .. {b[key]}, seen {s[key]}")
                bad += 1
    extra = [p for p in seen if p not in before and p not in after]
    for pid in extra:
        print("ONLY SEEN", pid, seen[pid]["comm"])
    return bad, exact


def compare_flat(name, before, seen, after, loose):
    bad = 0
    for key, low in before.items():
        if key not in seen:
            continue
        slack = loose.get(key, 0)
        high = after[key]
        ok = min(low, high) - slack <= seen[key] <= max(low, high) + slack
        if not ok:
            print(f"BAD {name} {key}: guest {low} .. {high}, seen {seen[key]}")
            bad += 1
    return bad


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kernel", required=True)
    parser.add_argument("--initrd", required=True)
    parser.add_argument("--dump", required=True)
    parser.add_argument("--append", default="")
    parser.add_argument("--accel", default="tcg")
    parser.add_argument("--patience", type=float, default=120, help="seconds to boot or to report")
    parser.add_argument("--walks", default="1")
    parser.add_argument("--keep", action="store_true", help="show the dump")
    args, qemu_args = parser.parse_known_args()
    guest = Guest(args, qemu_args or ["-m", "512", "-cpu", "max", "-smp", "1"])
    try:
        guest.wait_for("READY", args.patience)
        guest.report()
        time.sleep(1)
        before = guest.report()
        rss = guest.rss_kib()
        done = subprocess.run([args.dump, str(guest.proc.pid), args.walks], stdout=subprocess.PIPE)
        grown = guest.rss_kib() - rss
        after = guest.report()
    finally:
        guest.stop()
    if done.returncode:
        raise SystemExit("the dump failed")
    text = done.stdout.decode("utf-8", "replace")
    if args.keep:
        print(text)
    seen = parse(text.splitlines())
    convert(seen[0])
    bad, exact = compare_tasks(before[0], seen[0], after[0])
    memory = {"free": 2048, "avail": 2048, "cached": 64, "uptime": 120, "pgfault": 100}
    bad += compare_flat("system", before[1], seen[1], after[1], memory)
    for cpu in before[2]:
        bad += compare_flat(f"cpu {cpu}", before[2][cpu], seen[2].get(cpu, {}), after[2][cpu],
                            {"delay": 0, "idle": 3, "iowait": 1, "user": 1, "system": 1})
    # A VMM grows by itself a little; reading absent pages would show as megabytes.
    grew = grown > 1024
    print(f"{len(before[0])} processes, {exact} unchanged values equal, {bad} bad, "
          f"VMM grew by {grown} KiB")
    sys.exit(1 if bad or grew or len(seen[0]) < 20 else 0)


if __name__ == "__main__":
    main()
