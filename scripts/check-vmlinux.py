#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check the handwritten vmlinux.h, and the flavours beside it, against a kernel's own BTF.

Every struct, field, enum and enumerator of the header must be in the kernel with a type of the
same kind and size. What only some kernels have is declared under a name with a flavour,
task_struct___v5_14: there a difference is told and is no error.
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

NAME = re.compile(r"'([^']*)'")
NUMBER = re.compile(r"(\w+)=(-?\d+)")
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ALIASES = ("TYPEDEF", "CONST", "VOLATILE", "RESTRICT", "TYPE_TAG")


# Kernel parts that are modules on some hosts: their types are there once they are loaded.
MODULES = ("kvm", "tun", "vhost")


class Type:
    def __init__(self, kind, name, attrs):
        self.kind, self.name, self.attrs, self.members = kind, name, attrs, []


class Btf:
    """The types of one BTF file, and of its base where it is a module's."""

    def __init__(self, path, base=None):
        self.types = dict(base.types) if base else {}
        command = [bpftool(), "btf", "dump", "file", path]
        if base:
            command[1:1] = ["-B", base.path]
        self.path = path
        self.own = []
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for line in text.splitlines():
            self.add_line(line)

    def add_line(self, line):
        attrs = {key: int(value) for key, value in NUMBER.findall(line)}
        name = NAME.search(line)
        name = name.group(1) if name else ""
        if line.startswith("["):
            number, kind = line[1:].split("] ", 1)
            self.last = Type(kind.split(" ", 1)[0], "" if name == "(anon)" else name, attrs)
            self.types[int(number)] = self.last
            self.own.append(self.last)
        elif line.startswith("\t'"):
            self.last.members.append(("" if name == "(anon)" else name, attrs))

    def resolve(self, number):
        """The type behind typedefs and qualifiers; None is void."""
        found = self.types.get(number)
        while found and found.kind in ALIASES:
            found = self.types.get(found.attrs["type_id"])
        return found

    def fields(self, aggregate):
        """Name to member of a struct, those of its anonymous members included."""
        result = {}
        for name, attrs in aggregate.members:
            inner = self.resolve(attrs["type_id"])
            if name:
                result[name] = attrs
            elif inner and inner.kind in ("STRUCT", "UNION"):
                result.update(self.fields(inner))
        return result

    def shape(self, attrs):
        """Kind and size of a member, as CO-RE compares them: 'int 8', 'pointer', 'struct x'."""
        if attrs.get("bitfield_size"):
            return "bit field"
        return self.type_shape(attrs["type_id"])

    def type_shape(self, number):
        found = self.resolve(number)
        if not found:
            return "void"
        if found.kind == "PTR":
            return "pointer"
        if found.kind in ("INT", "ENUM", "ENUM64"):
            return "int %d" % found.attrs["size"]
        if found.kind == "ARRAY":
            return "array of " + self.type_shape(found.attrs["type_id"])
        return "%s %s" % (found.kind.lower(), essential(found.name))


def bpftool():
    for path in os.environ.get("PATH", "").split(":") + ["/usr/sbin"]:
        if os.access(os.path.join(path, "bpftool"), os.X_OK):
            return os.path.join(path, "bpftool")
    sys.exit("check-vmlinux: bpftool is missing")


def essential(name):
    """A type's name without its flavour, as CO-RE sees it."""
    return name.split("___", 1)[0]


def declared(header):
    """(keyword, name) of each type that the header describes: those whose accesses CO-RE relocates."""
    with open(header, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/|//[^\n]*", "", file.read(), flags=re.S)
    relocated = re.findall(r"push\(__attribute__\(\(preserve_access_index\)\)(.*?)attribute pop",
                           text, flags=re.S)
    return re.findall(r"^(struct|union|enum)\s+(\w+)\s*\{", "".join(relocated), flags=re.M)


def compile_headers(headers, names, directory):
    """BTF of the headers. The compiler keeps only types in use, so a variable of each is made."""
    source = os.path.join(directory, "types.bpf.c")
    with open(source, "w", encoding="utf-8") as file:
        for header in headers:
            file.write('#include "%s"\n' % os.path.abspath(header))
        for keyword, name in names:
            file.write("%s %s variable_%s;\n" % (keyword, name, name))
    output = os.path.join(directory, "types.bpf.o")
    include = [TOP + "/vmlinux", TOP + "/bpf", TOP + "/include",
               "/usr/include/%s-linux-gnu" % os.uname().machine]
    subprocess.run([os.environ.get("CLANG", "clang"), "-g", "-O2", "-target", "bpf", "-c", source,
                    "-o", output] + ["-I" + path for path in include], check=True)
    return Btf(output)


class Kernel:
    """vmlinux and, one at a time, its modules."""

    def __init__(self, directory):
        self.base = Btf(os.path.join(directory, "vmlinux"))
        self.modules = sorted(set(glob.glob(os.path.join(directory, "*"))) - {self.base.path})
        self.loaded = {}
        self.index = {}
        self.add(self.base)

    def add(self, btf):
        for found in btf.own:
            if found.name and found.kind in ("STRUCT", "UNION", "ENUM", "ENUM64"):
                self.index.setdefault((found.kind[:4], found.name), []).append((btf, found))

    def find(self, kind, name):
        """Every definition of a type: two modules may have different ones."""
        if (kind[:4], name) not in self.index:
            for path in self.modules:
                self.add(Btf(path, self.base))
            self.modules = []
        return self.index.get((kind[:4], name), [])


def compare_struct(own, header, their, kernel):
    have = kernel.fields(their)
    for name, attrs in header.fields(own).items():
        if name not in have:
            yield "no field %s" % name
            continue
        want, got = header.shape(attrs), kernel.shape(have[name])
        if want != got and "bit field" not in (want, got):
            yield "field %s is %s, the header has %s" % (name, got, want)


def compare_enum(own, their):
    have = {name: attrs.get("val") for name, attrs in their.members}
    for name, attrs in own.members:
        if name not in have:
            yield "no enumerator %s" % name
        elif have[name] != attrs.get("val"):
            yield "%s is %s, the header has %s" % (name, have[name], attrs.get("val"))


def differences(own, header, kernel):
    """How a type differs from the nearest definition of that name; None where there is none."""
    best = None
    for btf, their in kernel.find(own.kind, essential(own.name)):
        if own.kind in ("STRUCT", "UNION"):
            found = list(compare_struct(own, header, their, btf))
        else:
            found = list(compare_enum(own, their))
        if best is None or len(found) < len(best):
            best = found
    return best


def out_of_sight(name):
    """Whether a type belongs to a module that is not loaded here."""
    return any(name.startswith(module + "_") or name == module
               for module in MODULES if not os.path.exists("/sys/module/" + module))


def check(wanted, header, kernel):
    """Print every difference; how many are errors, and how many are not."""
    errors = notes = 0
    for own in header.own:
        if own.name not in wanted:
            continue
        found = differences(own, header, kernel)
        optional = essential(own.name) != own.name
        if found is None:
            found = ["not in this kernel"]
            optional = optional or out_of_sight(own.name)
        for line in found:
            errors, notes = errors + (not optional), notes + optional
            print("%s: %s %s: %s" % ("note" if optional else "error", own.kind.lower(), own.name, line))
    return errors, notes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("headers", nargs="*", default=[TOP + "/vmlinux/vmlinux.h"] +
                        sorted(glob.glob(TOP + "/bpf/*.bpf.h")),
                        help="default: vmlinux/vmlinux.h bpf/*.bpf.h")
    parser.add_argument("--btf", default="/sys/kernel/btf", metavar="DIRECTORY",
                        help="with a file vmlinux and one for each module (%(default)s)")
    args = parser.parse_args()
    headers = [header for header in args.headers if declared(header)]
    names = [name for header in headers for name in declared(header)]
    with tempfile.TemporaryDirectory() as directory:
        header = compile_headers(headers, names, directory)
    wanted = {name for _, name in names}
    errors, notes = check(wanted, header, Kernel(args.btf))
    fields = sum(len(own.members) for own in header.own if own.name in wanted)
    print("%d types with %d members: %d errors, %d differences that are none" %
          (len(wanted), fields, errors, notes))
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
