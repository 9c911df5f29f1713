#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules exported for Prometheus mean the same: over made-up recordings, `kvmlens alerts test
--replay` and promtool's evaluation of the exported rules say of every moment which alerts fire."""
import json, os, random, re, shutil, subprocess, sys, tempfile

KVMLENS = os.environ["KVMLENS"]
TMP = os.environ.get("TEST_TMP") or tempfile.mkdtemp()
STEP, TICKS, VMS = 10, 150, 4
START = 1700000000000
RULES = """
alerts: {default_rules: false}
channels: [{name: log, type: journal}]
rules:
  - id: ratio
    keep_firing_for: 0s
    resolve_threshold: 0.5
    labels: {team: "a b", rack_of: 'r"1'}
    runbook_url: https://example.org/{vm}
    annotations: {more: "two\\nlines of {vm} \\"quoted\\""}
    description: |
      First {vm}.
      Then {{{value}: "quoted".
    condition: {metric: vm.memory.used, divide_by: vm.memory.total, operator: gt, threshold: 0.6, duration: 20s}
  - id: rate
    keep_firing_for: 30s
    condition: {metric: vm.cpu.ready_seconds_total, rate: 1m, operator: gt, threshold: 0.06, duration: 20s}
  - id: share
    keep_firing_for: 0s
    condition: {metric: vm.cpu.ready_seconds_total, rate: 40s, divide_by: vm.memory.total, operator: gt,
                threshold: 0.0006}
  - id: both
    keep_firing_for: 0s
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 9, duration: 10s,
                and: [{metric: vm.cpu.usage, operator: gt, threshold: 9}]}
  - id: either
    keep_firing_for: 0s
    no_data: resolve # else Prometheus takes for held what was last known before it fired
    no_data_after: 0s
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 14, duration: 20s, tags: {rack: "r*"},
                or: [{metric: vm.cpu.usage, operator: gt, threshold: 14},
                     {metric: vm.memory.used, divide_by: vm.memory.total, operator: lt, threshold: 0.05}]}
  - id: disk
    keep_firing_for: 0s
    no_data_after: 1m
    condition: {metric: vm.disk.read_latency, operator: gt, threshold: 9, duration: 10s, labels: {disk: "vd?"},
                and: [{metric: vm.disk.read_iops, operator: gt, threshold: 6},
                      {metric: vm.cpu.usage, operator: gt, threshold: 5},
                      {metric: host.vms, operator: ge, threshold: 1}]}
  - id: slow-disk
    keep_firing_for: 0s
    no_data: resolve
    no_data_after: 30s
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 5,
                and: [{metric: vm.disk.read_latency, operator: gt, threshold: 12, labels: {disk: vda}}]}
  - id: beat
    type: heartbeat
    severity: info
    channels: [log]
  - id: plain
    keep_firing_for: 0s
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 10, duration: 30s}
  - id: hysteresis
    keep_firing_for: 0s
    resolve_threshold: 6
    condition: {metric: vm.cpu.ready_time, operator: ge, threshold: 10, duration: 20s}
  - id: kept
    keep_firing_for: 45s
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 12}
  - id: low
    keep_firing_for: 20s
    resolve_threshold: 9
    no_data: resolve
    condition: {metric: vm.cpu.ready_time, operator: lt, threshold: 7, duration: 1m,
                labels: {vm: "vm-[1]*"}}
  - id: matched
    keep_firing_for: 0s
    condition: {metric: vm.cpu.ready_time, operator: gt, threshold: 10,
                labels: {vm: "vm.?"}, tags: {component: vm, rack: "r*"}}
"""


def path(name):
    return os.path.join(TMP, name)


GAUGES = ["vm.cpu.ready_time", "vm.cpu.usage"]
USED = "vm.memory.used"
COUNTER, TOTAL = "vm.cpu.ready_seconds_total", 20
DISK = ["vm.disk.read_latency", "vm.disk.read_iops"]


def walk(rng):
    """A value that wanders between 0 and 20, None where it is missing."""
    value, values, gap = 9.0, [], 0
    for _ in range(TICKS):
        value = min(20, max(0, value + rng.uniform(-3, 3)))
        gap = gap - 1 if gap else (rng.choice([1, 5, 40]) if rng.random() < 0.02 else 0)
        values.append(None if gap else round(value, 3))
    return values


def count(rng):
    """A counter that grows at changing speed, is missing now and then, and begins again."""
    total, out = 0.0, []
    for step in walk(rng):
        if step is not None:
            total = 0.0 if rng.random() < 0.01 else total + step / 10
        out.append(None if step is None else round(total, 3))
    return out


def bytes_of(values):
    return [None if v is None else round(v) for v in values]


def disk(rng):
    """Both of its values, which are missing together: the disk is gone meanwhile."""
    one, two = walk(rng), walk(rng)
    return [[None if b is None else a for a, b in zip(one, two)],
            [None if a is None else b for a, b in zip(one, two)]]


def vms(rng):
    """Name, uuid, rack, values by metric, and those of its disk vda."""
    return [(name, f"00000000-0000-0000-0000-00000000000{i}", "r1" if i < 3 else "s1",
             {metric: walk(rng) for metric in GAUGES} | {COUNTER: count(rng), USED: bytes_of(walk(rng))}, dict(zip(DISK, disk(rng))))
            for i, name in enumerate(["vm.1", "vm-2", "vm-[1]3", "vm.4"][:VMS])]


def record(series, name):
    with open(name, "w") as out:
        for t in range(TICKS):
            head = {"time_ms": START + t * STEP * 1000, "seq": t + 1}
            print(json.dumps(head | {"metrics": {"host.vms": len(series), "kvmlens.uptime_seconds": t}}), file=out)
            for vm, uuid, rack, values, disks in series:
                metrics = {"vm.up": 1, "vm.memory.total": TOTAL}
                metrics |= {m: v[t] for m, v in values.items() if v[t] is not None}
                line = head | {"vm": vm, "uuid": uuid, "metrics": metrics,
                               "info": [{"labels": {"rack": rack}, "metrics": {"vm.info": 1}}]}
                if disks[DISK[0]][t] is not None:
                    line["disk"] = [{"labels": {"disk": "vda"}, "metrics": {m: v[t] for m, v in disks.items()}}]
                print(json.dumps(line), file=out)


def ours(rule, recording):
    """For each tick the VMs whose alert fires."""
    out = subprocess.run([KVMLENS, "alerts", "test", rule, "--config", path("rules.yaml"),
                          "--replay", recording, "--format", "json"],
                         check=True, capture_output=True, text=True).stdout
    events = [json.loads(line) for line in out.splitlines()]
    firing, ticks, fired = set(), [], 0
    for t in range(TICKS):
        for e in events:
            if e["time_ms"] == START + t * STEP * 1000:
                key = tuple(sorted(e["labels"].items()))
                fired += e["change"] == "firing"
                if e["change"] == "firing":
                    firing.add(key)
                elif e["change"] == "resolved":
                    firing.discard(key)
        ticks.append(sorted(firing))
    return ticks, fired


def escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def told(values):
    return " ".join("stale" if v is None else str(v) for v in values)


def test_file(series, expected, name):
    """What promtool is to find: at each tick of each rule, what we found."""
    tests = []
    for rule, (severity, ticks) in expected.items():
        for t, firing in enumerate(ticks):
            tests.append({"eval_time": f"{t * STEP}s", "alertname": rule, "exp_alerts": [
                {"exp_labels": dict(key) | {"severity": severity}} for key in firing]})
    inputs = [{"series": "host_vms", "values": f"{VMS}x{TICKS}"}]
    for vm, uuid, rack, values, disks in series:
        labels = f'vm="{escape(vm)}",uuid="{uuid}"'
        inputs += [
            {"series": f"vm_up{{{labels}}}", "values": f"1x{TICKS}"},
            {"series": f"vm_memory_total_bytes{{{labels}}}", "values": f"{TOTAL}x{TICKS}"},
            {"series": f'vm_info{{{labels},rack="{rack}"}}', "values": f"1x{TICKS}"}]
        # A series that a scrape lacks is stale from then on.
        inputs += [{"series": f"{m.replace('.', '_')}{{{labels}}}", "values": told(v)} for m, v in values.items()]
        inputs += [{"series": f'{m.replace(".", "_")}{{{labels},disk="vda"}}', "values": told(v)}
                   for m, v in disks.items()]
    document = {"rule_files": [path("plain.yaml")], "evaluation_interval": f"{STEP}s",
                "tests": [{"interval": f"{STEP}s", "input_series": inputs,
                           "alert_rule_test": tests}]}
    with open(name, "w") as out:
        json.dump(document, out)


GONE = """
alerts: {default_rules: false}
rules:
  - {id: numa, keep_firing_for: 0s, condition: {metric: host.node.cpu_usage, operator: gt, threshold: 50}}
  - {id: channel, keep_firing_for: 0s, condition: {metric: kvmlens.notify.up, operator: eq, threshold: 0}}
  - {id: disk, keep_firing_for: 0s, no_data_after: 1m,
     condition: {metric: vm.disk.read_latency, operator: gt, threshold: 5}}
  - {id: vm, keep_firing_for: 0s, condition: {metric: vm.cpu.usage, operator: gt, threshold: 50}}
  - {id: space, keep_firing_for: 0s, condition: {metric: vm.disk.usage_percent, operator: gt, threshold: 50}}
"""


def test_gone():
    """What an alert is of goes, and something of its kind stays, or nothing does: it ends in each
    scope, but for what the guest's inside alone knows, which may be silent."""
    def entity(key, value, metric, number):
        return {"labels": {key: value}, "metrics": {metric: number}}

    with open(path("gone.jsonl"), "w") as out:
        for t in range(60):
            head = {"time_ms": START + t * STEP * 1000, "seq": t + 1}
            # At the fifth tick one of two goes, at the tenth the last.
            left = [0, 1] if t < 5 else [1] if t < 10 else []
            print(json.dumps(head | {
                "metrics": {"host.vms": 2}, "node": [entity("node", str(i), "host.node.cpu_usage", 90) for i in left],
                "notify": [entity("channel", f"c{i}", "kvmlens.notify.up", 0) for i in left]}), file=out)
            line = {"vm": "a", "uuid": "00000000-0000-0000-0000-000000000001", "metrics": {"vm.up": 1},
                    "disk": [entity("disk", f"vd{i}", "vm.disk.read_latency", 9) for i in left]}
            if left == [0, 1]:
                line["space"] = [{"labels": {"disk": "vda", "kind": "fs", "mount": "/"},
                                  "metrics": {"vm.disk.usage_percent": 90}}]
            print(json.dumps(head | line), file=out)
            for i in left:
                print(json.dumps(head | {"vm": f"b{i}", "uuid": f"00000000-0000-0000-0000-00000000001{i}",
                                         "metrics": {"vm.up": 1, "vm.cpu.usage": 90}}), file=out)
    with open(path("gone.yaml"), "w") as out:
        out.write(GONE)
    # Gone for 15 s beside others; with none beside for no_data_after.
    expected = {"numa": [70, 390], "channel": [70, 390], "disk": [70, 150], "vm": [70, 120], "space": []}
    good = True
    for rule, ends in expected.items():
        out = subprocess.run([KVMLENS, "alerts", "test", rule, "--config", path("gone.yaml"), "--replay",
                              path("gone.jsonl"), "--format", "json"], check=True, capture_output=True, text=True).stdout
        events = [json.loads(line) for line in out.splitlines()]
        got = [(e["time_ms"] - START) // 1000 for e in events if e["change"] == "resolved"]
        if got != ends or not any(e["change"] == "firing" for e in events):
            print(f"{rule} ends at {got} instead of {ends}: {events}")
            good = False
    return good


def main():
    if not test_gone():
        return 1
    if not shutil.which("promtool"):
        print("promtool is not installed")
        return 77
    with open(path("rules.yaml"), "w") as out:
        out.write(RULES)
    exported = subprocess.run([KVMLENS, "alerts", "export", "--prometheus", "--config",
                               path("rules.yaml")], check=True, capture_output=True, text=True).stdout
    with open(path("exported.yaml"), "w") as out:
        out.write(exported)
    subprocess.run(["promtool", "check", "rules", path("exported.yaml")], check=True)
    with open(path("plain.yaml"), "w") as out:  # promtool would compare the texts, too
        out.write(re.sub(r"        annotations:\n(          .*\n)*", "", exported))
    rules = [r for r in re.findall(r"alert: (\S+)", exported) if not r.startswith("kvmlens-")]
    assert len(rules) == 13, rules
    severity = dict.fromkeys(rules, "warning") | {"beat": "info"}
    total = dict.fromkeys(rules, 0)
    for seed in range(3):
        series = vms(random.Random(seed))
        record(series, path("recording.jsonl"))
        expected = {}
        for rule in rules:
            ticks, fired = ours(rule, path("recording.jsonl"))
            expected[rule] = (severity[rule], ticks)
            total[rule] += fired
        test_file(series, expected, path("test.yaml"))
        result = subprocess.run(["promtool", "test", "rules", path("test.yaml")],
                                capture_output=True, text=True)
        if result.returncode:
            print(f"seed {seed}: they differ")
            print("\n".join([line for line in (result.stdout + result.stderr).splitlines() if line.strip()][:60]))
            return 1
    print("fired:", total)
    return 0 if all(total.values()) else 1  # a rule that never fires shows nothing


sys.exit(main())
