# SPDX-License-Identifier: Apache-2.0
"""Judge what vmwatch printed.

watch.py until FILE SECONDS EXPRESSION    wait until the newest line makes it true
watch.py always FILE LINE EXPRESSION      every line after the first LINE ones does
"""
import json
import sys
import time


class Line:
    """The names that an expression may use."""

    def __init__(self, text):
        self.d = json.loads(text)
        self.vms = self.d["vms"]

    def vm(self, name):
        """The only VM with this name; none or two are an error of the test."""
        found = [v for v in self.vms if v["name"] == name]
        return found[0] if len(found) == 1 else None

    def names(self):
        return [v["name"] for v in self.vms]

    def worker(self, name):
        return next(w for w in self.d["workers"] if w["name"] == name)

    def libvirt(self):
        return self.worker("libvirt")

    def proc(self):
        return self.worker("proc")

    def true(self, expression):
        scope = {name: getattr(self, name) for name in dir(self) if name[0] != "_"}
        try:
            return bool(eval(expression, scope))
        except (TypeError, KeyError, IndexError):
            return False


def lines(path):
    """Whole lines only: the last one may be in the making."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().split("\n")[:-1]


def until(path, seconds, expression):
    end = time.monotonic() + float(seconds)
    while True:
        seen = lines(path)
        if seen and Line(seen[-1]).true(expression):
            return 0
        if time.monotonic() > end:
            break
        time.sleep(0.1)
    print(f"# never became true: {expression}\n# at last: {seen[-1] if seen else 'nothing'}")
    return 1


def always(path, line, expression):
    seen = lines(path)[int(line):]
    for number, text in enumerate(seen):
        if not Line(text).true(expression):
            print(f"# not true of line {number + 1} of {len(seen)}: {expression}\n# {text}")
            return 1
    if not seen:
        print("# no line to judge")
    return 0 if seen else 1


if __name__ == "__main__":
    sys.exit({"until": until, "always": always}[sys.argv[1]](*sys.argv[2:]))
