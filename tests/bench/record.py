#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""record.py KVMLENS RUN.jsonl DIR: the first SERIES series of each guest that record.sh recorded, by
level and then in the catalogue's order, as DIR/GUEST.tsv.zst; see tests/data/recorded/README.md."""
import json
import pathlib
import subprocess
import sys

GUESTS = ("idle", "doze", "disk", "burst")
SERIES = 80
LEVELS = ("basic", "standard", "detailed", "diagnostic")
# What comes and goes with the neighbours, whose names are no one's business, and what is of text.
LEFT_OUT = ("aggressor", "blame", "process", "anomaly", "contribution", "trend", "forecast", "full",
            "stall_event", "alert", "info", "source")


def catalogue(kvmlens):
    shown = subprocess.run([kvmlens, "metrics", "--catalog", "--format", "json"], check=True,
                           stdout=subprocess.PIPE).stdout
    return {m["name"]: (LEVELS.index(m["level"]), at, m["kind"] == "counter", m["unit"])
            for at, m in enumerate(json.loads(shown))}


def values_of(line):
    """Each scalar of a line as ((metric, labels), number)."""
    scopes = {"vm": [{"labels": {}, "metrics": line["metrics"]}]}
    scopes.update((k, v) for k, v in line.items() if isinstance(v, list) and k not in LEFT_OUT)
    for entities in scopes.values():
        for entity in entities:
            labels = json.dumps(entity["labels"], separators=(",", ":"))
            for name, value in entity["metrics"].items():
                if isinstance(value, (int, float)):
                    yield (name, labels), value


def texts(column, counter, unit):
    """Gauges with eight digits, counters as a first value and how much each tick added."""
    if not counter:
        return ["-" if v is None else str(v) if isinstance(v, int) else "%.8g" % v for v in column]
    whole = [None if v is None else round(v * 1e9) if unit == "seconds" else round(v) for v in column]
    last, out = 0, []
    for v in whole:
        out.append("-" if v is None else str(v - last))
        last = last if v is None else v
    return out


def main():
    kvmlens, run, folder = sys.argv[1:]
    known = catalogue(kvmlens)
    rows = {guest: [] for guest in GUESTS}
    with open(run, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line.get("vm") in rows:
                rows[line["vm"]].append(dict(values_of(line)))
    for guest, ticks in rows.items():
        ticks = ticks[5:]  # rates and what is looked for now and then are there by now
        series = [s for s in ticks[0] if s[0] in known]
        series.sort(key=lambda s: (known[s[0]][:2], s[1]))
        text = ""
        constant = 0
        for name, labels in series[:SERIES]:
            column = [tick.get((name, labels)) for tick in ticks]
            constant += len(set(column)) == 1
            text += "\t".join([name, labels, *texts(column, *known[name][2:])]) + "\n"
        path = pathlib.Path(folder) / f"{guest}.tsv.zst"
        data = text.encode()
        subprocess.run(["zstd", "-q", "-f", "--ultra", "-22", f"--stream-size={len(data)}", "-o", path],
                       check=True, input=data)
        print(f"{guest}: {len(ticks)} ticks, {min(SERIES, len(series))} series, {constant} never "
              f"change, {path.stat().st_size} bytes")


main()
