#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Identity and disks of real QEMUs, paused and emulated: what whois reads in /proc, against what the
QEMU itself answers to "info uuid", "info name" and "info block"."""
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

TMP, WHOIS = os.environ["TEST_TMP"], os.environ["WHOIS"]
QEMU = "/usr/bin/qemu-system-x86_64"
# Where a QEMU that is not in its place finds its modules.
os.environ["QEMU_MODULE_DIR"] = f"/usr/lib/{os.uname().machine}-linux-gnu/qemu"
A = "11111111-2222-4333-8444-%012x"
number, failures = int(os.environ.get("FIRST", "0")), 0


def same(name, ours, wanted):
    global number, failures
    number += 1
    if ours == wanted:
        print(f"ok {number} - {name}: {ours}")
    else:
        failures += 1
        print(f"not ok {number} - {name}: {ours!r} instead of {wanted!r}")


class Vm:
    """A QEMU that runs no guest code, and its monitor."""

    def __init__(self, args, program=(QEMU,), argv0=None):
        self.path = f"{TMP}/qmp"
        if os.path.exists(self.path):
            os.unlink(self.path)
        argv = [*program, *args, "-S", "-display", "none", "-serial", "none", "-parallel", "none",
                "-qmp", f"unix:{self.path},server=on,wait=off"]
        executable = argv[0]
        if argv0:
            argv[0] = argv0
        self.process = subprocess.Popen(argv, executable=executable, cwd=TMP,
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.socket = socket.socket(socket.AF_UNIX)
        for _ in range(400):
            try:
                self.socket.connect(self.path)
                break
            except OSError:
                if self.process.poll() is not None:
                    raise RuntimeError(self.process.stderr.read().decode())
                time.sleep(0.05)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        self.file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if "return" in answer or "error" in answer:
                return answer.get("return")

    def hmp(self, line):
        return self.command("human-monitor-command", **{"command-line": line}).replace("\r", "")

    def disks(self):
        """info block: name to file of what can be written and holds a medium; no flash."""
        found = {}
        for block in re.split(r"\n\s*\n", self.hmp("info block")):
            head = re.match(r"\s*(\S+?)(?: \(\S+\))?: (.*) \((.*)\)", block)
            if not head or "read-only" in head[3] or head[1].startswith("pflash"):
                continue
            file = head[2]
            if file.startswith("json:"):
                file = re.search(r'"filename": "([^"]*)"', file)[1]
            found[head[1]] = file
        return found

    def whois(self):
        for line in subprocess.run([WHOIS], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            vm = json.loads(line)
            if vm["pid"] == self.process.pid:
                return vm
        return {"name": None, "uuid": None, "source": None, "labels": None, "disks": None}

    def stop(self):
        self.socket.close()
        self.process.kill()
        self.process.wait()


def image(name, size=1 << 20):
    with open(f"{TMP}/{name}", "wb") as f:
        f.truncate(size)
    return f"{TMP}/{name}"


BASE = ["-accel", "tcg", "-m", "32"]


def identities():
    with open(f"{TMP}/vm.cfg", "w", encoding="ascii") as f:
        f.write('[name]\n  guest = "of, a file"\n')
    options = [
        ["-uuid", A % 1], ["-smbios", f"type=1,uuid={A % 2}"],
        ["-uuid", A % 3, "-smbios", f"type=1,uuid={A % 4}"],
        ["-smbios", f"type=1,uuid={A % 5}", "-uuid", A % 6],
        ["-smbios", f"uuid={A % 7},type=1,product=x", "-smbios", "type=1,serial=y"],
        ["-smbios", f"type=1,uuid={A % 8}", "--smbios", f"type=1,uuid={A % 9}"],
    ]
    names = [["-name", "a"], ["-s", "-name", "guest=b,debug-threads=on"], ["-usb", "--name", "c"],
             ["-full-screen", "-name", "d,,e"], ["-readconfig", f"{TMP}/vm.cfg"],
             ["-append", "-name", "-kernel", "/nonexistent", "-name", "f"]]
    for option, name in zip(options, names):
        if "-kernel" in name:
            name = ["-fw_cfg", "name=opt/x,string=-name", "-win2k-hack", "-name", "f"]
        vm = Vm(BASE + ["-nodefaults"] + name + option)
        ours = vm.whois()
        same("info uuid of " + " ".join(option), ours["uuid"], vm.hmp("info uuid").strip())
        same("info name of " + " ".join(name), ours["name"], vm.hmp("info name").strip())
        vm.stop()


def disks():
    for name in "abcdef":
        image(name)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", f"{TMP}/q", "8M"], check=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", f"{TMP}/a", "-F", "raw",
                    f"{TMP}/over"], check=True)
    os.symlink(TMP, f"{TMP}/pool")
    node = '{"driver":"%s","node-name":"%s",%s}'
    lines = [
        ["-hda", "a", "-hdb", "b", "-cdrom", "c", "-fda", "d"],
        ["-M", "q35", "-drive", "file=a,format=raw", "-drive", "file=b,format=raw,index=3",
         "-cdrom", "c", "-drive", "if=none,format=raw,file=d"],
        ["-drive", "file=a,if=ide,index=2,format=raw", "-drive",
         "file=b,if=virtio,index=1,format=raw", "-drive", "file=c,if=virtio,index=0,format=raw"],
        ["-drive", "file=a,format=raw,bus=1,unit=0", "-drive", "file=b,format=raw,if=ide,bus=0",
         "-drive", "file=c,format=raw,if=virtio,readonly=on", "-drive",
         f"file={TMP}/pool//d,format=raw,if=virtio,id=of-a-link"],
        ["-drive", "if=virtio,driver=raw,file.driver=file,file.filename=a", "-drive",
         'if=virtio,file=json:{"driver":"qcow2",,"file":{"driver":"file",,"filename":"q"}}',
         "-drive", "if=virtio,format=raw,file=file:b", "-drive", "if=pflash,format=raw,file=c",
         "-drive", "if=none,id=unused,file=d,format=raw"],
        ["-blockdev", "driver=file,filename=a,node-name=f0", "-blockdev",
         "driver=raw,file=f0,node-name=r0", "-blockdev",
         "driver=qcow2,file.driver=file,file.filename=q,node-name=q0,read-only=on", "-device",
         "virtio-blk-pci,drive=r0,id=vd0", "-device", "virtio-scsi-pci", "-device",
         "scsi-cd,drive=q0", "-drive", "if=none,file=b,format=raw,id=un,node-name=nn"],
        ["-object", "throttle-group,id=t", "-blockdev",
         node % ("throttle", "top", '"throttle-group":"t","file":' + node % (
             "copy-on-read", "c1", '"file":' + node % (
                 "qcow2", "c2", f'"file":{{"driver":"file","filename":"{TMP}/over"}},"backing":'
                 f'{{"driver":"raw","read-only":true,"file":{{"driver":"file","filename":'
                 f'"{TMP}/a","read-only":true}}}}'))),
         "-device", "virtio-blk-pci,drive=top", "-blockdev",
         f"driver=file,filename={TMP}/f,node-name=loose"],
        ["-drive", "file=a,format=raw,if=floppy,index=1", "-drive",
         "file=b,if=none,id=d0,format=raw", "-device", "virtio-scsi-pci", "-device",
         "scsi-hd,drive=d0,id=s0", "e"],
    ]
    for line in lines:
        vm = Vm(BASE + line)
        same("info block of " + " ".join(line), vm.whois()["disks"], vm.disks())
        vm.stop()


def recognized():
    """A QEMU that is called something else, as wrappers, upgrades and loaders have it."""
    loader = "/lib64/ld-linux-x86-64.so.2"
    copies = {"wrapped": f"{TMP}/bin/.qemu-system-x86_64-wrapped", "renamed": f"{TMP}/bin/vmm"}
    os.mkdir(f"{TMP}/bin")
    args = BASE + ["-L", "/usr/share/seabios", "-L", "/usr/share/qemu", "-nodefaults", "-name",
                   "guest=w,debug-threads=on", "-uuid", A % 10]
    for kind, path in copies.items():
        shutil.copy(QEMU, path)
        vm = Vm(args, program=(path,), argv0=QEMU if kind == "wrapped" else None)
        same(f"uuid of a {kind} executable", vm.whois()["uuid"], A % 10)
        os.unlink(path)
        same(f"uuid of a {kind} and deleted one", vm.whois()["uuid"], A % 10)
        vm.stop()
    vm = Vm(args, program=(loader, QEMU))
    same("uuid behind a dynamic loader", vm.whois()["uuid"], A % 10)
    vm.stop()


def restarted():
    """Without a UUID: one that stays over restarts, and that tells two alike apart."""
    drive = ["-drive", "file=a,if=virtio,format=raw,file.locking=off"]
    for what, args in (("named", ["-name", "r"]), ("nameless", drive)):
        first = Vm(BASE + ["-nodefaults"] + args)
        before = first.whois()
        first.stop()
        second = Vm(BASE + ["-nodefaults"] + args)
        after = second.whois()
        same(f"identity of a {what} VM after a restart", (after["name"], after["uuid"]),
             (before["name"], before["uuid"]))
        same(f"source of the UUID of a {what} VM", after["source"], "made")
        third = Vm(BASE + ["-nodefaults"] + args)
        same(f"the younger of two alike, {what}, is another",
             (third.whois()["uuid"] != after["uuid"], second.whois()["uuid"]),
             (True, after["uuid"]))
        third.stop()
        second.stop()


def elsewhere():
    """Paths that mean something in QEMU's own mounts alone, and a device behind a link."""
    for name in ("vol", "ctr"):
        os.mkdir(f"{TMP}/{name}")
    image("vol/disk", 4 << 20)
    drive = f"{TMP}/ctr//disk"
    vm = Vm(BASE + ["-nodefaults", "-drive", f"file={drive},if=virtio,format=raw"],
            program=("/usr/bin/unshare", "-m", "sh", "-c",
                     f'mount --bind {TMP}/vol {TMP}/ctr && exec "$@"', "sh", QEMU))
    same("info block of a QEMU with mounts of its own", vm.whois()["disks"], vm.disks())
    vm.stop()
    loop = subprocess.run(["losetup", "-f", "--show", f"{TMP}/vol/disk"], capture_output=True,
                          text=True, check=False).stdout.strip()
    if not loop:
        print("# no loop device: disks that are devices are not tried")
        return
    try:
        os.symlink(loop, f"{TMP}/vm-100-disk-0")
        vm = Vm(BASE + ["-nodefaults", "-drive",
                        f"file={TMP}/vm-100-disk-0,if=none,id=drive-scsi0,format=raw"])
        same("info block of a device behind a link", vm.whois()["disks"], vm.disks())
        vm.stop()
    finally:
        subprocess.run(["losetup", "-d", loop], check=False)


def labels():
    vm = Vm(BASE + ["-nodefaults", "-name", "instance-0000001a", "-smbios",
                    "type=1,manufacturer=OpenStack Foundation,product=OpenStack Nova"])
    same("labels of Nova's VM", vm.whois()["labels"], {"nova_instance": "instance-0000001a"})
    vm.stop()


identities()
disks()
recognized()
restarted()
elsewhere()
labels()
print(f"1..{number}")
sys.exit(failures != 0)
