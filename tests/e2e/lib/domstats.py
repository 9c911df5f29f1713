# SPDX-License-Identifier: Apache-2.0
"""domstats.py NAME FILE: compare a VM's statistics in vmwatch's line on standard input with the
numbers of virsh domstats in FILE. The domain should be paused, so that both see the same. What a
disk's file takes is what stat gives: libvirt's "allocation" is the highest offset ever written."""
import json
import os
import sys

KIB = {"current": "balloon_current", "maximum": "maximum", "available": "available",
       "unused": "unused", "usable": "usable", "disk_caches": "disk_caches",
       "swap_in": "swap_in", "swap_out": "swap_out"}
DISK = {"rd.reqs": "read_ops", "rd.bytes": "read_bytes", "rd.times": "read_ns",
        "wr.reqs": "write_ops", "wr.bytes": "write_bytes", "wr.times": "write_ns",
        "fl.reqs": "flush_ops", "fl.times": "flush_ns", "capacity": "capacity",
        "physical": "physical", "name": "name", "path": "source"}
NIC = {"rx.bytes": "rx_bytes", "rx.pkts": "rx_packets", "rx.errs": "rx_errors",
       "rx.drop": "rx_dropped", "tx.bytes": "tx_bytes", "tx.pkts": "tx_packets",
       "tx.errs": "tx_errors", "tx.drop": "tx_dropped", "name": "name"}


def expected(key, stats):
    """What the provider told of domstats' key; None: it is not compared."""
    group, _, rest = key.partition(".")
    if group == "balloon" and rest in KIB:
        return stats["memory"].get(KIB[rest]), 1024
    if group == "vcpu" and rest in ("current", "maximum"):
        return stats.get("vcpus_" + rest), 1
    for name, devices, fields in ("block", "disks", DISK), ("net", "nics", NIC):
        number, _, field = rest.partition(".")
        if group == name and field in fields:
            return stats[devices][int(number)].get(fields[field]), 1
    return None


def main(name, path):
    vm = next(v for v in json.load(sys.stdin)["vms"] if v["name"] == name)
    compared = wrong = 0
    for line in open(path, encoding="utf-8"):
        key, equals, value = line.strip().partition("=")
        found = expected(key, vm["stats"]) if equals else None
        if found is None:
            continue
        ours, unit = found
        theirs = int(value) * unit if value.isdigit() else value
        compared += 1
        if ours != theirs:
            wrong += 1
            print(f"# {key}: {theirs}, seen {ours}")
    for disk in vm["stats"]["disks"]:
        blocks = os.stat(disk["source"]).st_blocks * 512
        compared += 1
        if disk.get("allocation") != blocks:
            wrong += 1
            print(f"# {disk['name']}: {blocks} bytes are allocated, seen {disk.get('allocation')}")
    print(f"# {compared} values compared")
    return 0 if compared >= 30 and not wrong else 1


sys.exit(main(*sys.argv[1:]))
