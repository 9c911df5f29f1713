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
rules:
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


def vms(rng):
    """Names, racks and values, None where it is missing."""
    out = []
    for i, name in enumerate(["vm.1", "vm-2", "vm-[1]3", "vm.4"][:VMS]):
        value, values, gap = 9.0, [], 0
        for _ in range(TICKS):
            value = min(20, max(0, value + rng.uniform(-3, 3)))
            gap = gap - 1 if gap else (rng.choice([1, 5, 40]) if rng.random() < 0.02 else 0)
            values.append(None if gap else round(value, 3))
        out.append((name, f"00000000-0000-0000-0000-00000000000{i}", "r1" if i < 3 else "s1", values))
    return out


def record(series, name):
    with open(name, "w") as out:
        for t in range(TICKS):
            head = {"time_ms": START + t * STEP * 1000, "seq": t + 1}
            print(json.dumps(head | {"metrics": {"host.vms": len(series)}}), file=out)
            for vm, uuid, rack, values in series:
                metrics = {"vm.up": 1}
                if values[t] is not None:
                    metrics["vm.cpu.ready_time"] = values[t]
                info = [{"labels": {"rack": rack}, "metrics": {"vm.info": 1}}]
                print(json.dumps(head | {"vm": vm, "uuid": uuid, "metrics": metrics, "info": info}),
                      file=out)


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
                key = (e["labels"]["vm"], e["labels"]["uuid"])
                fired += e["change"] == "firing"
                if e["change"] == "firing":
                    firing.add(key)
                elif e["change"] == "resolved":
                    firing.discard(key)
        ticks.append(sorted(firing))
    return ticks, fired


def escape(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


def test_file(series, expected, name):
    """What promtool is to find: at each tick of each rule, what we found."""
    tests = []
    for rule, (severity, ticks) in expected.items():
        for t, firing in enumerate(ticks):
            tests.append({"eval_time": f"{t * STEP}s", "alertname": rule, "exp_alerts": [
                {"exp_labels": {"vm": vm, "uuid": uuid, "severity": severity}}
                for vm, uuid in firing]})
    inputs = []
    for vm, uuid, rack, values in series:
        labels = f'vm="{escape(vm)}",uuid="{uuid}"'
        inputs += [
            {"series": f"vm_cpu_ready_time{{{labels}}}",
             "values": " ".join("_" if v is None else str(v) for v in values)},
            {"series": f"vm_up{{{labels}}}", "values": f"1x{TICKS}"},
            {"series": f'vm_info{{{labels},rack="{rack}"}}', "values": f"1x{TICKS}"}]
    document = {"rule_files": [path("plain.yaml")], "evaluation_interval": f"{STEP}s",
                "tests": [{"interval": f"{STEP}s", "input_series": inputs,
                           "alert_rule_test": tests}]}
    with open(name, "w") as out:
        json.dump(document, out)


def main():
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
    rules = re.findall(r"alert: (\S+)", exported)
    assert len(rules) == 5, rules
    total = dict.fromkeys(rules, 0)
    for seed in range(3):
        series = vms(random.Random(seed))
        record(series, path("recording.jsonl"))
        expected = {}
        for rule in rules:
            ticks, fired = ours(rule, path("recording.jsonl"))
            expected[rule] = ("warning", ticks)
            total[rule] += fired
        test_file(series, expected, path("test.yaml"))
        result = subprocess.run(["promtool", "test", "rules", path("test.yaml")],
                                capture_output=True, text=True)
        if result.returncode:
            print(f"seed {seed}: they differ")
            print("\n".join((result.stdout + result.stderr).splitlines()[:60]))
            return 1
    print("fired:", total)
    return 0 if all(total.values()) else 1  # a rule that never fires shows nothing


sys.exit(main())
