#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The default rules, over recordings of a day: of an ordinary host none fires, and of each trouble
one alert fires, or as many as it has severities. TAP."""
import json, math, os, re, subprocess, sys, tempfile

KVMLENS = os.environ.get("KVMLENS", "build/kvmlens")
TMP = os.environ.get("TEST_TMP") or tempfile.mkdtemp()
STEP, DAY = 120, 86400
START = 1700000000000
UUID = "00000000-0000-4000-8000-%012d"
tests = failures = 0


def check(what, good, seen=""):
    global tests, failures
    tests += 1
    failures += not good
    print("%sok %d - %s" % ("" if good else "not ", tests, what))
    if not good:
        print("# " + str(seen).replace("\n", "\n# "))


def wave(t, period, phase=0.0):
    return math.sin(2 * math.pi * (t / period + phase))


def space(disk, mount, percent, fstype=None):
    labels = {"disk": disk, "kind": "filesystem", "mount": mount}
    return {"labels": labels, "metrics": {"vm.disk.usage_percent": percent}}


def pressure(resource, kind, percent):
    return {"labels": {"resource": resource, "kind": kind},
            "metrics": {"host.pressure.stalled": percent}}


def source(name, up, age=None):
    metrics = {"vm.source.up": up}
    if age is not None:
        metrics["vm.source.age"] = age
    return {"labels": {"source": name}, "metrics": metrics}


def vm(t, **more):
    """What every VM has: healthy, by its own small noise."""
    metrics = {
        "vm.up": 1, "vm.state": 1, "vm.cpu.vcpus": 4, "vm.cpu.usage": 20 + 10 * wave(t, DAY),
        "vm.cpu.ready_time": 0.4, "vm.cpu.ready_time_max": 1.1 + wave(t, 1700),
        "vm.cpu.steal_time": 0.2, "vm.stall.active": 0, "vm.stall.last_cause": 0,
        "vm.memory.usage_percent": 60, "vm.memory.available": 2 << 30,
        "vm.memory.major_page_faults": 3 + 3 * wave(t, 900),
        "vm.disks.device_latency": 0.3, "vm.disks.queue_latency": 0.1,
        "vm.disks.guest_latency": 0.4, "vm.nics.dropped": 0,
    }
    metrics.update({k.replace("__", "."): v for k, v in more.items() if k != "lists"})
    return metrics, more.get("lists", {})


def boot_storm(t):
    """Four minutes in the morning in which everybody starts."""
    return 7 * 3600 <= t < 7 * 3600 + 240


def ordinary(t):
    """VMs of an ordinary host at a moment: name to (metrics, lists)."""
    storm = boot_storm(t)
    ready = {"vm.cpu.ready_time_max": 55.0, "vm.cpu.ready_time": 40.0} if storm else {}
    night = t % DAY < 5 * 3600
    out = {}
    base = lambda **kw: vm(t, **{**ready, **kw})
    out["idle"] = base(**{"vm.cpu.usage": 0.3})
    out["batch"] = base(**{"vm.cpu.usage": 99.8, "vm.cpu.ready_time_max": 4.0,
                           "vm.disks.device_latency": 12.0, "vm.disks.guest_latency": 13.0,
                           "vm.disks.queue_latency": 0.9})
    out["paused"] = vm(t, **{"vm.state": 2, "vm.cpu.usage": 0.0, "lists": {
        "source": [source("kernel", 1, 0), {"labels": {"source": "guest_agent"}, "metrics": {}}]}})
    out["migrating"] = base(**{"vm.state": 7 if 3600 < t < 3900 else 1})
    out["no-agent"] = base(**{"lists": {"source": [source("kernel", 1, 0), source("guest_agent", 0)]}})
    out["agent"] = base(**{"lists": {"source": [source("guest_agent", 1, 5)]}})
    # Memory that an application fills and gives back, and a database that uses all it has.
    out["sawtooth"] = base(**{"vm.memory.usage_percent": 40 + 57 * (t % 10800) / 10800,
                              "vm.memory.available": 300 << 20})
    out["database"] = base(**{"vm.memory.usage_percent": 97.5, "vm.memory.available": 200 << 20,
                              "vm.memory.major_page_faults": 20})
    out["micro"] = base(**{"vm.memory.usage_percent": 70, "vm.memory.available": 40 << 20})
    out["cdrom"] = base(**{"lists": {"space": [
        space("vda1", "/", 62), space("sr0", "/media/cdrom", 100), space("loop3", "/snap/core/1", 100),
        {"labels": {"disk": "vda", "kind": "image"}, "metrics": {"vm.disk.usage_percent": 100}}]}})
    # Cleaned up every night at 80 %.
    out["logs"] = base(**{"lists": {"space": [space("vdb1", "/var/log", 40 + 40 * (t % DAY) / DAY)]}})
    out["backup"] = base(**({"vm.disks.device_latency": 20.0, "vm.disks.guest_latency": 21.0} if night else {}))
    host = {"host.cpu.usage": 99.0 if night or storm else 55.0, "host.cpu.overcommit": 6.0,
            "host.memory.usage_percent": 84 + 3 * wave(t, DAY), "host.memory.available": 900 << 20,
            "kvmlens.store.up": 1, "kvmlens.web.up": 1}
    lists = {"pressure": [pressure("cpu", "some", 85 if storm else 30 if night else 4),
                          pressure("memory", "some", 0.5), pressure("memory", "full", 0.1),
                          pressure("io", "full", 40 if night else 1)]}
    return host, lists, out


def write(path, moments):
    """A recording of (t, (host, lists, vms))."""
    with open(path, "w") as out:
        for seq, (t, (host, lists, vms)) in enumerate(moments):
            head = {"time_ms": START + t * 1000, "seq": seq + 1}
            print(json.dumps({**head, "metrics": host, **lists}), file=out)
            for i, (name, (metrics, more)) in enumerate(sorted(vms.items())):
                print(json.dumps({**head, "vm": name, "uuid": UUID % i, "metrics": metrics,
                                  "info": [{"labels": {}, "metrics": {"vm.info": 1}}], **more}), file=out)


def rules():
    text = subprocess.run([KVMLENS, "alerts", "rules"], check=True, capture_output=True, text=True).stdout
    return re.findall(r"^  - id: (\S+)", text, re.M)


def replay(rule, path):
    """The events of a rule over a recording."""
    r = subprocess.run([KVMLENS, "alerts", "test", rule, "--config", os.path.join(TMP, "config.yaml"),
                        "--replay", path, "--format", "json"], capture_output=True, text=True)
    if r.returncode:
        check("%s can be tested" % rule, False, r.stderr)
    return [json.loads(line) for line in r.stdout.splitlines() if line.startswith("{")]


def trouble(change):
    """Half an hour in which one VM or the host has a trouble."""
    moments = []
    for t in range(0, 4800, STEP):
        host, lists, vms = ordinary(40000 + t)
        if 600 <= t < 3600:
            change(host, lists, vms)
        moments.append((t, (host, lists, vms)))
    return moments


def of_vm(name, metrics, **lists):
    def change(host, host_lists, vms):
        vms[name][0].update(metrics)
        vms[name][1].update(lists)
    return change


def of_host(metrics=None, pressures=None):
    def change(host, lists, vms):
        host.update(metrics or {})
        for resource, kind, percent in pressures or []:
            lists["pressure"] = [p for p in lists["pressure"] if p["labels"] != {
                "resource": resource, "kind": kind}] + [pressure(resource, kind, percent)]
    return change


STALLED = {"stall_event": [{"labels": {"n": "0", "cause": "sigstop"},
                            "metrics": {"vm.stall.event.began": 1.7e9, "vm.stall.event.duration": 43.0}}]}
BY = {"aggressor": [{"labels": {"by": "vm:batch"}, "metrics": {"vm.cpu.aggressor_time": 31.0}}]}

# What is wrong, the rules that say so, and a piece of what the first one says.
TROUBLES = [
    ("one vCPU of four starves", of_vm("idle", {
        "vm.cpu.ready_time_max": 31.0, "vm.cpu.ready_time": 8.0, "vm.cpu.steal_time": 7.9}, **BY),
     ["vm-cpu-ready"], "a vCPU of idle waits 31 % of the time for a CPU, most for vm:batch (31 %)"),
    ("nobody is known to take the time", of_vm("idle", {"vm.cpu.ready_time_max": 31.0}),
     ["vm-cpu-ready"], "a vCPU of idle waits 31 % of the time for a CPU"),
    ("a VM stands still", of_vm("idle", {"vm.stall.active": 1, "vm.stall.last_cause": 6}, **STALLED),
     ["vm-stall"], "idle stands still: no vCPU has run for 43s, its process was stopped from outside"),
    ("a device is slow", of_vm("idle", {"vm.disks.device_latency": 28.0, "vm.disks.guest_latency": 28.1}),
     ["vm-disk-device-latency"], "take 28 ms"),
    ("an iotune limit holds reads", of_vm("idle", {
        "vm.disks.queue_latency": 16.3, "vm.disks.guest_latency": 16.5}),
     ["vm-disk-queue-latency"], "wait 16.3 ms before the device"),
    ("a network disk is slow", of_vm("idle", {
        "vm.disks.device_latency": None, "vm.disks.queue_latency": None, "vm.disks.guest_latency": 80.0}),
     ["vm-disk-latency"], "take 80 ms"),
    ("a file system is nearly full", of_vm("cdrom", {}, space=[space("vda1", "/", 88)]),
     ["vm-disk-space"], "cdrom: / on vda1 is 88 % full"),
    ("a file system is full", of_vm("cdrom", {}, space=[space("vda1", "/", 97)]),
     ["vm-disk-space", "vm-disk-space-critical"], "is 97 % full"),
    ("a guest thrashes", of_vm("database", {"vm.memory.major_page_faults": 900}),
     ["vm-memory-high"], "uses 97.5 % of its memory, and reads"),
    ("an agent that answered does no more", of_vm("agent", {}, source=[source("guest_agent", 0, 600)]),
     ["vm-source-down"], "guest_agent of agent has not answered for 10 minutes"),
    ("packets are lost", of_vm("idle", {"vm.nics.dropped": 50}), ["vm-network-drops"], "50 packets"),
    ("a guest crashed", of_vm("idle", {"vm.state": 5}), ["vm-crashed"], "idle has crashed"),
    ("memory of the host is used up", of_host({"host.memory.usage_percent": 94}),
     ["host-memory-low"], "uses 94 % of its memory"),
    ("the host waits for memory", of_host(None, [("memory", "some", 22)]), ["host-memory-pressure"], "22 %"),
    ("the host's CPUs are saturated", of_host(None, [("cpu", "some", 88)]), ["host-cpu-saturated"], "88 %"),
]

open(os.path.join(TMP, "config.yaml"), "w").write("detail: detailed\n")
day = os.path.join(TMP, "day.jsonl")
write(day, [(t, ordinary(t)) for t in range(0, DAY, STEP)])
ids = rules()
events = {rule: replay(rule, day) for rule in ids}
fired = {r: [e["summary"] for e in events[r] if e["change"] == "firing"] for r in ids}
for rule in ids:
    check("a day of an ordinary host: %s" % rule, not fired[rule], fired[rule][:3])
for what, change, expected, says in TROUBLES:
    path = os.path.join(TMP, "trouble.jsonl")
    write(path, trouble(change))
    summaries, over = {}, {}
    for rule in ids:
        seen = replay(rule, path)
        lines = [e["summary"] for e in seen if e["change"] == "firing"]
        if lines:
            summaries[rule] = lines
            over[rule] = [e["summary"] for e in seen if e["change"] == "resolved"]
    check("%s: %s" % (what, ", ".join(expected)), sorted(summaries) == sorted(expected) and
          all(len(s) == 1 for s in summaries.values()), summaries)
    check("and says it", says in (summaries.get(expected[0]) or [""])[0], summaries)
    end = (over.get(expected[0]) or [""])[0]
    check("and how it was at the end", re.search(r"over after 50m|over after \d+", end), over)
    check("with no unit twice, and nothing unknown",
          not re.search(r"\? |unknown|% %|ms ms|days s|\bs s\b", str(summaries) + str(over)),
          str(summaries) + str(over))
print("1..%d" % tests)
sys.exit(failures > 0)
