#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gauges over a time: what a gauge was at each tick, times the tick's length, is what a counter grew.

    gauges.py watch URL DIR                       keep each tick's page in DIR until SIGTERM
    gauges.py integral DIR METRIC TEXT [METRIC]   of the series with TEXT in their labels, in order; with
                                                  a second metric, of the products of both
"""
import os, sys, time, urllib.request


def value(page, name, text):
    found = [float(line.rsplit(" ", 1)[1]) for line in page.splitlines()
             if line.startswith((name + "{", name + " ")) and text in line]
    return sum(found) if found else None


def watch(url, directory):
    os.makedirs(directory, exist_ok=True)
    last = None
    while True:
        page = urllib.request.urlopen(url + "/metrics").read().decode()
        tick = int(value(page, "kvmlens_ticks_total", ""))
        if tick != last:
            with open(f"{directory}/.new", "w") as f:
                f.write(page)
            os.rename(f"{directory}/.new", f"{directory}/{tick:08d}")
            last = tick
        time.sleep(0.05)


def integral(directory, name, text, times=None):
    total, before = 0.0, None
    for tick in sorted(f for f in os.listdir(directory) if f[0] != "."):
        with open(f"{directory}/{tick}") as f:
            page = f.read()
        now = value(page, "kvmlens_uptime_seconds", "")
        gauge = value(page, name, text)
        if times and gauge is not None:
            gauge *= value(page, times, text) or 0
        if before is not None and gauge is not None:
            total += gauge * (now - before)
        before = now
    print(f"{total:.9g}")


if __name__ == "__main__":
    {"watch": watch, "integral": integral}[sys.argv[1]](*sys.argv[2:])
