#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the agent shows against what the kernel itself says of the same threads, host and process.

Two guests that spin on one CPU are stopped, run for some seconds and are stopped again: in both stops
nothing moves, so that counters can be compared to the nanosecond. A gauge is judged by its integral: what
it was at each tick, times the tick's length, is what the kernel counted meanwhile. TAP.

oracle: vm_cpu_core_run_seconds_total vm_cpu_run_seconds_total: run time in /proc/PID/task/TID/schedstat
oracle: vm_cpu_core_ready_seconds_total vm_cpu_ready_seconds_total: run_delay in /proc/PID/task/TID/schedstat
oracle: vm_cpu_core_switches_total vm_cpu_switches_total: the third number of /proc/PID/task/TID/schedstat
oracle: vm_cpu_core_preemptions_total vm_cpu_preemptions_total: nonvoluntary_ctxt_switches in /proc/PID/task/TID/status
oracle: vm_cpu_core_steal_seconds_total vm_cpu_steal_seconds_total vm_cpu_core_wake_seconds_total vm_cpu_wake_seconds_total: both together are run_delay
oracle: vm_cpu_core_other_seconds_total vm_cpu_other_seconds_total vm_cpu_core_halted_seconds_total vm_cpu_halted_seconds_total: both together are wall time less schedstat's run time and run_delay
oracle: vm_cpu_core_host_cpu: field processor of /proc/PID/task/TID/stat
oracle: vm_cpu_role_run_seconds_total vm_cpu_role_ready_seconds_total vm_cpu_role_threads: schedstat and number of the other threads of the process
oracle: vm_cpu_usage vm_cpu_core_usage: its integral over the ticks is run time in schedstat
oracle: vm_cpu_ready_time vm_cpu_core_ready_time vm_cpu_ready_time_max: its integral over the ticks is run_delay in schedstat
oracle: vm_cpu_steal_time vm_cpu_core_steal_time vm_cpu_wake_time: the integral of both is run_delay in schedstat
oracle: vm_cpu_switch_rate vm_cpu_preemption_rate: its integral over the ticks is the kernel's count of switches
oracle: vm_cpu_ready_cause vm_cpu_aggressor_time: its integral over the ticks, of all causes and of the other guest, is run_delay in schedstat
oracle: host_cpu_usage host_cpu_idle host_cpu_core_usage host_cpu_core_idle: its integral over the ticks is the growth in /proc/stat
oracle: host_pressure_stalled: its integral over the ticks is the growth of total in /proc/pressure
oracle: host_memory_usage_percent: /proc/meminfo
oracle: host_cpu_overcommit: host_vcpus by getconf _NPROCESSORS_ONLN
oracle: kvmlens_uptime_seconds: the clock of this test
oracle: vm_cpu_role_usage vm_cpu_role_ready_time: its integral over the ticks is schedstat's of the other threads
oracle: host_memory_size host_swap_size host_memory_cached host_memory_free host_memory_available host_memory_used: /proc/meminfo
oracle: host_swap_used host_swap_in_bytes_total host_swap_out_bytes_total: /proc/meminfo and /proc/vmstat
oracle: host_ksm_run host_ksm_shared host_ksm_sharing host_ksm_unshared host_ksm_scans_total: /sys/kernel/mm/ksm
oracle: host_node_memory_size host_node_memory_used host_node_memory_free: /sys/devices/system/node/nodeN/meminfo
oracle: host_hugepages_pages host_hugepages_free host_hugepages_reserved host_hugepages_surplus: /sys/kernel/mm/hugepages
oracle: host_cpu_seconds_total host_cpu_core_idle_seconds_total: /proc/stat
oracle: host_pressure_stalled_seconds_total: total in /proc/pressure
oracle: kvmlens_web_requests_total: the requests that this test has made
oracle: kvmlens_cpu_seconds_total kvmlens_memory_resident_bytes: /proc/PID/stat and statm of the agent
oracle: kvmlens_build_info: kvmlens --version
"""
import os, re, subprocess, sys, time, urllib.request

if os.environ.get("PRIVATE") != "yes":
    os.environ["PRIVATE"] = "yes"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, sys.argv[0]])

tests = failures = 0
processes = []
tmp, kvmlens = os.environ["TEST_TMP"], os.environ["KVMLENS"]


def skip(why):
    print(why)
    sys.exit(77)


def check(name, ok, detail):
    global tests, failures
    tests += 1
    failures += not ok
    print(f"{'ok' if ok else 'not ok'} {tests} - {name}: {detail}")


def near(name, ours, truth, percent, slack=0.0):
    ours, truth = float(ours), float(truth)
    check(name, abs(ours - truth) <= abs(truth) * percent / 100 + slack, f"{ours:.9g} against {truth:.9g}, allowed {percent} %")


def read(path):
    with open(path) as f:
        return f.read()


def page():
    global requests
    requests += 1
    text = urllib.request.urlopen(url + "/metrics").read().decode()
    series = {}
    for line in text.splitlines():
        if line and line[0] != "#":
            key, value = line.rsplit(" ", 1)
            series[key] = float(value)
    return series


def get(series, name, *labels):
    """The sum of the series of that name that have those labels; None: there are none."""
    found = [v for k, v in series.items() if re.split(r"[{ ]", k)[0] == name and all(l in k for l in labels)]
    return sum(found) if found else None


def ticked(n):
    """The page n ticks from now, and every page of a tick on the way."""
    pages, last = [], page()
    until = last["kvmlens_ticks_total"] + n
    while last["kvmlens_ticks_total"] < until:
        time.sleep(0.04)
        now = page()
        if now["kvmlens_ticks_total"] != last["kvmlens_ticks_total"]:
            pages.append(now)
            last = now
    return pages


def threads(pid):
    """tid to (run ns, delay ns, switches, preemptions, cpu, comm), by the kernel."""
    result = {}
    for tid in os.listdir(f"/proc/{pid}/task"):
        base = f"/proc/{pid}/task/{tid}/"
        run, delay, switches = map(int, read(base + "schedstat").split())
        preempted = int(re.search(r"nonvoluntary_ctxt_switches:\s+(\d+)", read(base + "status")).group(1))
        cpu = int(read(base + "stat").rsplit(")", 1)[1].split()[36])
        result[int(tid)] = (run, delay, switches, preempted, cpu, read(base + "comm").strip())
    return result


def is_vcpu(thread):
    return re.match(r"CPU \d+/", thread[5])


def numbers(path):
    return {m.group(1): int(m.group(2)) for m in re.finditer(r"(\w+(?:\(\w+\))?):?\s+(\d+)", read(path))}


if os.geteuid() != 0:
    skip("needs root")
if subprocess.call(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"]):
    skip("no BPF file system may be mounted")
cpu = os.cpu_count() - 1
with open(tmp + "/spin.img", "wb") as f:
    f.write(b"\xeb\xfe" + bytes(508) + b"\x55\xaa")

requests = 0
port = subprocess.check_output(["python3", "-c", "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); print(s.getsockname()[1])"]).decode().strip()
url = f"http://127.0.0.1:{port}"
guests = {}
try:
    for name in ("oracle-a", "oracle-b"):
        guests[name] = subprocess.Popen(
            ["taskset", "-c", str(cpu), "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-m", "16", "-nodefaults",
             "-no-user-config", "-display", "none", "-boot", "a", "-drive",
             f"file={tmp}/spin.img,format=raw,if=floppy,file.locking=off", "-name", f"guest={name},debug-threads=on"],
            stdin=subprocess.DEVNULL)
        processes.append(guests[name])
    agent = subprocess.Popen([kvmlens, "run", "--listen", f"127.0.0.1:{port}", "--detail", "diagnostic", "--interval",
                              "500ms", "--provider", "proc", "--store", "none"], stderr=open(tmp + "/agent.log", "w"))
    processes.append(agent)
    for _ in range(100):
        try:
            if get(page(), "vm_up", 'vm="oracle-') == 2:
                break
        except OSError:
            pass
        time.sleep(0.2)
    requests, first = 0, page()
    served = first["kvmlens_web_requests_total"]
    ticked(3)

    stalls = lambda: {f"{r} {k}": int(v) for r in ("cpu", "memory", "io") if os.path.exists(f"/proc/pressure/{r}")
                      for k, v in re.findall(r"(some|full).*total=(\d+)", read(f"/proc/pressure/{r}"))}
    cpus = lambda: {k: list(map(int, v.split()[:8])) for k, v in re.findall(r"^(cpu\d*) +(.*)", read("/proc/stat"), re.M)}

    def stop():
        """On a busy machine a thread gets to its stop late: until nothing has moved over a whole tick."""
        for g in guests.values():
            g.send_signal(19)
        pages = ticked(2)
        for _ in range(10):
            was = {n: threads(g.pid) for n, g in guests.items()}
            pages += ticked(1)
            host = cpus(), stalls(), time.monotonic()
            now = {n: threads(g.pid) for n, g in guests.items()}
            if was == now:
                break
        return pages, now, host

    pages, before, host_before = stop()
    base = pages[-1]
    for g in guests.values():
        g.send_signal(18)
    running = ticked(8)
    stopped, after, host_after = stop()
    pages = [base] + running + stopped
    final = pages[-1]
    wall = final["kvmlens_uptime_seconds"] - base["kvmlens_uptime_seconds"]
    steps = [b["kvmlens_ticks_total"] - a["kvmlens_ticks_total"] for a, b in zip(pages, pages[1:])]
    if any(s not in (0, 1) for s in steps):
        skip(f"this machine is too busy to see every tick: {steps}")

    def grown(name, *labels):
        return (get(final, name, *labels) or 0) - (get(base, name, *labels) or 0)

    def integral(name, *labels):
        return sum((get(b, name, *labels) or 0) * (b["kvmlens_uptime_seconds"] - a["kvmlens_uptime_seconds"])
                   for a, b in zip(pages, pages[1:]))

    for name in guests:
        vm = f'vm="{name}"'
        vcpus = [t for t in after[name] if is_vcpu(after[name][t])]
        others = [t for t in after[name] if t not in vcpus]

        def truth(i, tids):
            return sum(after[name][t][i] - before[name].get(t, [0] * 5)[i] for t in tids)

        run, delay, switches, preempted = (truth(i, vcpus) for i in range(4))
        check(f"{name} ran and waited", run > 1e8 and delay > 1e8, f"{run} and {delay} ns")
        for prefix in ("vm_cpu_core_", "vm_cpu_"):
            # The kernel's run time leaves out interrupts, in which the thread still has its CPU.
            near(f"{name} {prefix}run", grown(prefix + "run_seconds_total", vm) * 1e9, run, 1)
            near(f"{name} {prefix}ready", grown(prefix + "ready_seconds_total", vm) * 1e9, delay, 0.001)
            near(f"{name} {prefix}steal and wake", (grown(prefix + "steal_seconds_total", vm) + grown(prefix + "wake_seconds_total", vm)) * 1e9, delay, 0.001)
            near(f"{name} {prefix}halted and other", (grown(prefix + "halted_seconds_total", vm) + grown(prefix + "other_seconds_total", vm)) * 1e9,
                 wall * 1e9 - run - delay, 0.1)
            # On a busy machine a thread may get to its stop only after the kernel was asked.
            near(f"{name} {prefix}switches", grown(prefix + "switches_total", vm), switches, 1, 2)
            near(f"{name} {prefix}preemptions", grown(prefix + "preemptions_total", vm), preempted, 1, 2)
        near(f"{name} vm_cpu_core_host_cpu", get(final, "vm_cpu_core_host_cpu", vm), after[name][vcpus[0]][4], 0)
        for gauge, value, percent in (("usage", run, 1), ("ready_time", delay, 0.1)):
            near(f"{name} vm_cpu_{gauge}", integral("vm_cpu_" + gauge, vm) * 1e7, value, percent)
            near(f"{name} vm_cpu_core_{gauge}", integral("vm_cpu_core_" + gauge, vm) * 1e7, value, percent)
        near(f"{name} vm_cpu_ready_time_max, of one vCPU", integral("vm_cpu_ready_time_max", vm) * 1e7, delay, 0.1)
        near(f"{name} vm_cpu_steal_time and wake_time", (integral("vm_cpu_steal_time", vm) + integral("vm_cpu_wake_time", vm)) * 1e7, delay, 0.1)
        near(f"{name} vm_cpu_core_steal_time", integral("vm_cpu_core_steal_time", vm), integral("vm_cpu_steal_time", vm), 0.1)
        near(f"{name} vm_cpu_switch_rate", integral("vm_cpu_switch_rate", vm), switches, 1, 2)
        near(f"{name} vm_cpu_preemption_rate", integral("vm_cpu_preemption_rate", vm), preempted, 1, 2)
        other = [n for n in guests if n != name][0]
        near(f"{name} vm_cpu_ready_cause, of all causes", integral("vm_cpu_ready_cause", vm) * 1e7, delay, 2)
        # The CPU's other tasks take some of it.
        near(f"{name} vm_cpu_aggressor_time of the other", integral("vm_cpu_aggressor_time", vm, f'by="vm:{other}"') * 1e7,
             grown("vm_cpu_blame_seconds_total", vm, f'by="vm:{other}"') * 1e9, 2)
        check(f"{name} the other is who took it", grown("vm_cpu_blame_seconds_total", vm, f'by="vm:{other}"') * 1e9 <= delay * 1.001,
              f"of {delay} ns")
        near(f"{name} vm_cpu_role_threads", get(final, "vm_cpu_role_threads", vm), len(others), 0)
        # They do little: what interrupts take, and a thread that ends meanwhile, is some percent of it.
        near(f"{name} vm_cpu_role_run", grown("vm_cpu_role_run_seconds_total", vm) * 1e9, truth(0, others), 10)
        near(f"{name} vm_cpu_role_ready", grown("vm_cpu_role_ready_seconds_total", vm) * 1e9, truth(1, others), 5)
        near(f"{name} vm_cpu_role_usage", integral("vm_cpu_role_usage", vm) * 1e7, truth(0, others), 10)
        near(f"{name} vm_cpu_role_ready_time", integral("vm_cpu_role_ready_time", vm) * 1e7, truth(1, others), 5)

    # --- the host's gauges over the same time; readings are some ms apart from the ticks
    near("kvmlens_uptime_seconds", wall, host_after[2] - host_before[2], 2)
    hertz = os.sysconf("SC_CLK_TCK")
    for line, (a, b) in {k: (host_before[0][k], v) for k, v in host_after[0].items()}.items():
        idle = (b[3] + b[4] - a[3] - a[4]) / hertz
        used = (sum(b) - sum(a)) / hertz - idle
        count = os.cpu_count() if line == "cpu" else 1
        key, labels = ("host_cpu_", ()) if line == "cpu" else ("host_cpu_core_", (f'cpu="{line[3:]}"',))
        near(f"{line} {key}usage", integral(key + "usage", *labels) * count / 100, used, 3, 0.1)
        near(f"{line} {key}idle", integral(key + "idle", *labels) * count / 100, idle, 3, 0.1)
    for key, value in host_after[1].items():
        labels = [f'{n}="{v}"' for n, v in zip(("resource", "kind"), key.split())]
        if get(final, "host_pressure_stalled", *labels) is not None:
            near(f"host_pressure_stalled {key}", integral("host_pressure_stalled", *labels) / 100,
                 (value - host_before[1][key]) / 1e6, 3, 0.1)
    near("host_cpu_overcommit", get(final, "host_cpu_overcommit"), get(final, "host_vcpus") / os.cpu_count(), 0.001)

    # --- the host: files that a tick has read between two readings of ours, and that did not change a lot
    def between(name, source, ours, percent):
        """ours(page) against source() before and after it."""
        low, now, high = source(), ticked(3)[-1], source()
        value = ours(now)
        spread = abs(high - low) + max(abs(low), abs(high)) * percent / 100
        check(name, value is not None and min(low, high) - spread <= value <= max(low, high) + spread, f"{value} against {low}, then {high}")

    memory = lambda key: numbers("/proc/meminfo").get(key, 0) * 1024
    for name, source in {
            "host_memory_size": lambda: memory("MemTotal"), "host_swap_size": lambda: memory("SwapTotal"),
            "host_swap_used": lambda: memory("SwapTotal") - memory("SwapFree"), "host_memory_free": lambda: memory("MemFree"),
            "host_memory_available": lambda: memory("MemAvailable"),
            "host_memory_used": lambda: memory("MemTotal") - memory("MemAvailable"),
            "host_swap_in_bytes_total": lambda: numbers("/proc/vmstat")["pswpin"] * 4096,
            "host_swap_out_bytes_total": lambda: numbers("/proc/vmstat")["pswpout"] * 4096}.items():
        between(name, source, lambda p, n=name: get(p, n), 3)
    between("host_memory_cached", lambda: memory("Cached"), lambda p: get(p, "host_memory_cached"), 15)
    between("host_memory_usage_percent", lambda: 100 * (1 - memory("MemAvailable") / memory("MemTotal")),
            lambda p: get(p, "host_memory_usage_percent"), 3)
    for name, file in {"run": "run", "shared": "pages_shared", "sharing": "pages_sharing", "unshared": "pages_unshared", "scans_total": "full_scans"}.items():
        path = "/sys/kernel/mm/ksm/" + file
        if os.path.exists(path):
            unit = 1 if name in ("run", "scans_total") else 4096
            between("host_ksm_" + name, lambda: int(read(path)) * unit, lambda p, n=name: get(p, "host_ksm_" + n), 0)
    node = "/sys/devices/system/node/node0/meminfo"
    if os.path.exists(node):
        for name, key in {"size": "MemTotal", "used": "MemUsed", "free": "MemFree"}.items():
            between("host_node_memory_" + name, lambda: numbers(node)[key] * 1024, lambda p, n=name: get(p, "host_node_memory_" + n, 'node="0"'), 3)
    for size in os.listdir("/sys/kernel/mm/hugepages") if os.path.isdir("/sys/kernel/mm/hugepages") else []:
        for name, file in {"pages": "nr_hugepages", "free": "free_hugepages", "reserved": "resv_hugepages", "surplus": "surplus_hugepages"}.items():
            kib = int(re.search(r"\d+", size).group())
            label = [k for k in final if k.startswith("host_hugepages_pages{")]
            if len(label) == len(os.listdir("/sys/kernel/mm/hugepages")):
                total = lambda: sum(int(read(f"/sys/kernel/mm/hugepages/{s}/{file}")) for s in os.listdir("/sys/kernel/mm/hugepages"))
                between("host_hugepages_" + name, total, lambda p, n=name: get(p, "host_hugepages_" + n), 0)
        break
    jiffies = os.sysconf("SC_CLK_TCK")
    cpu0 = lambda: [int(x) / jiffies for x in re.search(r"^cpu0 (.*)", read("/proc/stat"), re.M).group(1).split()]
    between("host_cpu_core_idle_seconds_total", lambda: cpu0()[3],
            lambda p: get(p, "host_cpu_core_idle_seconds_total", 'cpu="0"'), 0.1)
    total = lambda: [int(x) / jiffies for x in re.search(r"^cpu (.*)", read("/proc/stat"), re.M).group(1).split()]
    for i, mode in enumerate(("user", "nice", "system", "idle", "iowait", "irq", "softirq")):
        if get(final, "host_cpu_seconds_total", f'mode="{mode}"') is not None:
            between(f"host_cpu_seconds_total {mode}", lambda: total()[i], lambda p, m=mode: get(p, "host_cpu_seconds_total", f'mode="{m}"'), 0.1)
    if os.path.exists("/proc/pressure/cpu") and get(final, "host_pressure_stalled_seconds_total", 'resource="cpu"', 'kind="some"') is not None:
        between("host_pressure_stalled_seconds_total", lambda: int(re.search(r"some.*total=(\d+)", read("/proc/pressure/cpu")).group(1)) / 1e6,
                lambda p: get(p, "host_pressure_stalled_seconds_total", 'resource="cpu"', 'kind="some"'), 0.1)

    # --- the agent about itself
    stat = lambda: read(f"/proc/{agent.pid}/stat").rsplit(")", 1)[1].split()
    between("kvmlens_cpu_seconds_total", lambda: (int(stat()[11]) + int(stat()[12])) / jiffies, lambda p: get(p, "kvmlens_cpu_seconds_total"), 5)
    between("kvmlens_memory_resident_bytes", lambda: int(read(f"/proc/{agent.pid}/statm").split()[1]) * 4096,
            lambda p: get(p, "kvmlens_memory_resident_bytes"), 5)
    ticked(2)
    made, last = requests, ticked(1)[-1]
    check("kvmlens_web_requests_total", made - 30 <= last["kvmlens_web_requests_total"] - served <= requests,
          f"{last['kvmlens_web_requests_total'] - served} of {requests}, those of the last tick not yet")
    version = subprocess.check_output([kvmlens, "--version"]).decode()
    version = re.search(r"\d+\.\d+\.\d+", version).group()
    check("kvmlens_build_info", get(last, "kvmlens_build_info", f'version="{version}"') == 1, version)
finally:
    for p in processes:
        p.kill()
        p.wait()
print(f"1..{tests}")
sys.exit(failures > 0)
