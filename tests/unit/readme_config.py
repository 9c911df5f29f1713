#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The configuration that README shows loads as it is: each example by itself where it is whole, and
all of one section together, as a reader who copies them would have them."""
import os, re, subprocess, sys, tempfile

KVMLENS, TOP = os.environ["KVMLENS"], os.environ["TOP"]
TMP = os.environ.get("TEST_TMP") or tempfile.mkdtemp()


def loads(name, text):
    path = os.path.join(TMP, name)
    with open(path, "w") as out:
        out.write(text)
    result = subprocess.run([KVMLENS, "alerts", "check", "--config", path], capture_output=True, text=True)
    print(f"{name}: {result.stdout.splitlines()[-1:] or result.stderr}")
    if result.returncode:
        print(text)
    return result.returncode == 0


def merge(texts):
    """One file of several: their top-level keys once, with all items."""
    keys = {}
    for text in texts:
        for part in re.split(r"(?m)^(?=[a-z_]+:)", text):
            key, colon, rest = part.partition(":")
            if colon:
                keys.setdefault(key, []).append(rest.split("\n", 1)[1] if "\n" in rest and not rest.split("\n")[0].strip()
                                                else rest)
    return "".join(f"{key}:\n{''.join(parts)}" if parts[0].startswith((" ", "-")) and "\n" in parts[0]
                   and parts[0].lstrip().startswith("-") else f"{key}:{parts[0]}" for key, parts in keys.items())


def main():
    with open(os.path.join(TOP, "README.md")) as readme:
        blocks = re.findall(r"```yaml\n(.*?)```", readme.read(), re.S)
    assert any(b.startswith("rules:") for b in blocks) and any(b.startswith("channels:") for b in blocks), blocks
    good = loads("together.yaml", merge(blocks))
    for i, block in enumerate(blocks):
        if "channels: [" not in block:  # what names channels needs theirs
            good &= loads(f"{i}.yaml", block)
    return 0 if good else 1


sys.exit(main())
