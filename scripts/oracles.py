#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of oracles: which metric is compared with what, and by which test. It is made of lines of the
tests themselves, "oracle: METRIC...: WHAT IT IS COMPARED WITH" with the metric's Prometheus name, where * stands for
letters, digits and underscores.

    scripts/oracles.py           print the table
    scripts/oracles.py --check   fail on a metric of user/metric/table_*.h that is neither in it nor in
                                 tests/no-oracle, on a name that is no metric, and on an oracle that is none
"""
import fnmatch, glob, os, re, sys

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
os.chdir(top)
# What says that a value is there, or lies somewhere, is no oracle.
vague = re.compile(r"\b(presence|present|exists?|is there|plausible|range|positive|non-?zero|greater|at least|not empty)\b|[<>]", re.I)


def read(path):
    with open(path, errors="replace") as f:
        return f.read()


def metrics():
    text = "".join(read(p) for p in sorted(glob.glob("user/metric/table_*.h")))
    return re.findall(r"^METRIC\(\s*\w+,\s*(\w+),", text, re.M)


def oracles():
    for path in sorted(glob.glob("tests/**/*", recursive=True)):
        if not re.search(r"\.(sh|py|c)$", path) or path.startswith("tests/lint/"):
            continue
        for line in read(path).splitlines():
            found = re.match(r"[\s#*/]*oracle: ([\w *]+): (.+?)(?:\s*\*/)?$", line)
            if found:
                yield path, found.group(1).split(), found.group(2)


def main():
    known, rows, bad = metrics(), [], []
    for path, names, oracle in oracles():
        if vague.search(oracle):
            bad.append(f"{path}: this is no oracle: {oracle}")
        for name in names:
            matches = fnmatch.filter(known, name)
            if not matches:
                bad.append(f"{path}: no metric is called {name}")
            rows += [(m, oracle, path) for m in matches]
    have = {row[0] for row in rows}
    without = {}
    for line in read("tests/no-oracle").splitlines():
        if line and line[0] != "#":
            name, _, why = line.partition(" ")
            if name not in known or not why.strip():
                bad.append(f"tests/no-oracle: {line}: no such metric, or no reason")
            if name in have:
                bad.append(f"tests/no-oracle: {name} has an oracle by now")
            without[name] = why.strip()
    for name in known:
        if name not in have and name not in without:
            bad.append(f"{name}: no test compares it with anything; add a line \"oracle: {name}: ...\" to the one that does")
    if "--check" in sys.argv:
        print("\n".join(bad) or f"{len(have)} of {len(known)} metrics have an oracle")
        return bool(bad)
    order = {name: i for i, name in enumerate(known)}
    print("| metric | oracle | test |\n|---|---|---|")
    for name, oracle, path in sorted(rows, key=lambda row: (order[row[0]], row[2])):
        print(f"| `{name}` | {oracle} | `{path}` |")
    for name in known:
        if name not in have:
            print(f"| `{name}` | none: {without.get(name, '')} | |")


sys.exit(main())
