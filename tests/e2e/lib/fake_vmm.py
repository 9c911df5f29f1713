# SPDX-License-Identifier: Apache-2.0
"""A process that looks like a QEMU and is none.

Run by a copy of Python that is called qemu-system-x86_64, with QEMU's own options, which it
ignores, behind the script's name. What it does is in the environment:

  FAKE_THREADS=N     so many threads that are called as vCPUs
  FAKE_LEASE=FILE    hold a write lease on the file, and never give it up
  FAKE_OPEN=FILE     hold the file open
  FAKE_AGENT=SOCKET  answer as a guest's agent does, each request after FAKE_DELAY seconds
  FAKE_READY=FILE    made once all that is done
"""
import ctypes
import fcntl
import json
import os
import signal
import socket
import threading
import time

libc = ctypes.CDLL(None)
COMMANDS = ["guest-info", "guest-get-osinfo", "guest-get-fsinfo", "guest-network-get-interfaces"]
FILE_SYSTEM = {"name": "vda1", "mountpoint": "/", "type": "ext4", "used-bytes": 250,
               "total-bytes": 1000, "disk": []}


def named(name):
    libc.prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
    time.sleep(3600)


def reply(request):
    command = request.get("execute")
    if command == "guest-sync-delimited":
        return b"\xff", request["arguments"]["id"]
    if command == "guest-info":
        return b"", {"version": "7.2", "supported_commands": [
            {"name": name, "enabled": True, "success-response": True} for name in COMMANDS]}
    if command == "guest-get-osinfo":
        return b"", {"name": "Fake", "kernel-release": "1"}
    if command == "guest-get-fsinfo":
        return b"", [FILE_SYSTEM]
    return b"", []


def talk(client, delay):
    pending = b""
    while data := client.recv(65536):
        pending += data
        while b"\n" in pending:
            line, pending = pending.split(b"\n", 1)
            line = line.replace(b"\xff", b"").strip()
            if not line:
                continue
            time.sleep(delay)
            before, value = reply(json.loads(line))
            client.sendall(before + json.dumps({"return": value}).encode() + b"\n")


def serve(listener, delay):
    while True:
        client, _ = listener.accept()
        try:
            talk(client, delay)
        except (OSError, ValueError):
            pass
        client.close()


def main():
    env, kept = os.environ, []
    signal.signal(signal.SIGIO, signal.SIG_IGN)
    threading.stack_size(65536)
    for i in range(int(env.get("FAKE_THREADS", 0))):
        threading.Thread(target=named, args=(f"CPU {i}/KVM",), daemon=True).start()
    if "FAKE_LEASE" in env:
        kept.append(os.open(env["FAKE_LEASE"], os.O_RDWR))
        fcntl.fcntl(kept[-1], fcntl.F_SETLEASE, fcntl.F_WRLCK)
    if "FAKE_OPEN" in env:
        kept.append(os.open(env["FAKE_OPEN"], os.O_RDWR | os.O_NONBLOCK))
    if "FAKE_AGENT" in env:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(env["FAKE_AGENT"])
        listener.listen(4)
        threading.Thread(target=serve, args=(listener, float(env.get("FAKE_DELAY", 0))),
                         daemon=True).start()
    if "FAKE_READY" in env:
        open(env["FAKE_READY"], "w", encoding="ascii").close()
    time.sleep(3600)


main()
