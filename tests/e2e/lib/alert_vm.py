# SPDX-License-Identifier: Apache-2.0
"""A real VM that is made to wait for its CPU, and the agent that tells five channels of it.

Run by alert_vm.sh. The agent is killed with the alert firing and started again meanwhile: still,
each channel is told once that it fires and once that it is over. Prints TAP.
"""
import email
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request

from delivery import (PASSWORD, SECRET, SLACK, Mails, Receiver, alertmanager, am_alerts, am_told, certificates, check,
                      free_port, hang, listen, mail_server, path, until, write)
import delivery

KVMLENS = os.environ["KVMLENS"]
CPU = sorted(os.sched_getaffinity(0))[0]
DURATION_S = 4
HANG_S = 5
children = []


def on_one_cpu():
    os.sched_setaffinity(0, {CPU})


def start(*args, **more):
    children.append(subprocess.Popen(args, **more))
    return children[-1]


def busy_vm():
    """A boot sector that jumps to itself: a vCPU that always wants to run."""
    with open(path("boot"), "wb") as file:
        file.write(b"\xeb\xfe" + bytes(508) + b"\x55\xaa")
    return start("qemu-system-x86_64", "-machine", "accel=tcg", "-display", "none", "-nodefaults", "-m", "16",
                 "-name", "guest=waiting,debug-threads=on", "-uuid", "11111111-2222-4333-8444-666666666666",
                 "-drive", f"file={path('boot')},format=raw,if=ide", preexec_fn=on_one_cpu)


class Agent:
    def __init__(self, config, port=None, interval="500ms"):
        self.port = port or free_port()
        with open(path("agent.log"), "a") as log:
            self.process = start(KVMLENS, "run", "--config", config, "--store", path("agent.db"), "--listen",
                                 f"127.0.0.1:{self.port}", "--interval", interval, stdout=log, stderr=log)
        assert until(lambda: "kvmlens_ticks_total" in self.page("/metrics")), open(path("agent.log")).read()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def page(self, where):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{where}", timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            return ""

    def metric(self, name):
        for line in self.page("/metrics").splitlines():
            if line.startswith(name + "{") or line.startswith(name + " "):
                yield float(line.rsplit(" ", 1)[1])


def main():
    mails, hook, chat = Mails(), Receiver(), Receiver()
    server = mail_server(mails)
    process, url, am_hook = alertmanager()
    children.append(process)
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(path("log"))
    log.setblocking(False)
    config = write("agent.yaml", f"""
node_id: host-1
alerts: {{default_rules: false}}
rules:
- id: ready
  name: VM waits
  severity: critical
  condition: {{metric: vm.cpu.ready_time, operator: gt, threshold: 20, duration: {DURATION_S}s,
    labels: {{vm: waiting}}}}
  resolve_threshold: 10
  keep_firing_for: 5s
  text: "{{vm}} waits {{value}} %"
channels:
- {{name: mail, type: email, url: "smtp://127.0.0.1:{server.port}", from: kvmlens@example.org, to: [ops@example.org],
   username: kvmlens, password_file: {write('password', PASSWORD)}, ca_file: {path('ca.pem')}, group_wait: 100ms}}
- {{name: chat, type: slack, url_file: {write('slack', chat.url + SLACK)}, group_wait: 100ms}}
- {{name: hook, type: webhook, url: "{hook.url}/hook", secret_file: {write('secret', SECRET)}, group_wait: 100ms}}
- {{name: am, type: alertmanager, url: "{url}", group_wait: 100ms, resend: 1s}}
- {{name: log, type: journal, socket: {path('log')}, group_wait: 100ms}}
- {{name: hung, type: webhook, url: "{listen(hang)}", group_wait: 100ms, timeout: {HANG_S}s}}
""")
    agent = Agent(config)
    began_ms = time.time() * 1000
    # From now on the VM and three others want the one CPU.
    vm = busy_vm()
    for _ in range(3):
        start("sh", "-c", "while :; do :; done", preexec_fn=on_one_cpu)

    def everybody(n):
        return (len(mails.mails), len(chat.posts), len(hook.posts)) == (n, n, n)
    check("the rule fires, and mail, Slack and webhook are told",
          until(lambda: everybody(1), 60), (len(mails.mails), len(chat.posts), len(hook.posts)))
    alert = json.loads(hook.posts[0][2])["alerts"][0]
    check("of this VM and its ready time", (alert["status"], alert["labels"]["vm"], alert["metric"]) ==
          ("firing", "waiting", "vm.cpu.ready_time") and alert["value"] > 20, alert)
    check("not before its duration", alert["at_ms"] - began_ms >= DURATION_S * 1000, (alert, began_ms))
    check("Alertmanager has it active", until(lambda: [
        (a["labels"]["vm"], a["status"]["state"]) for a in am_alerts(url)] == [("waiting", "active")]), am_alerts(url))
    check("the page of alerts has it", until(lambda: "waiting" in agent.page("/api/v1/alerts")),
          agent.page("/api/v1/alerts"))
    check("five have delivered, and one hangs", until(lambda: sorted(agent.metric("kvmlens_notify_messages_total")) ==
          [0.0] + [1.0] * 5 and list(agent.metric("kvmlens_notify_failures_total"))[-1] > 0), agent.page("/metrics"))
    check("all ticks together took less than the one that hangs",
          next(agent.metric("kvmlens_tick_seconds_total")) < HANG_S, agent.page("/metrics"))

    agent.kill()
    agent = Agent(config)
    check("killed and started again, it still fires", until(lambda: "waiting" in agent.page("/api/v1/alerts")),
          agent.page("/api/v1/alerts"))
    # A VM that is stopped wants no CPU.
    vm.send_signal(signal.SIGSTOP)
    check("it is over, and everybody is told", until(lambda: everybody(2), 60),
          (len(mails.mails), len(chat.posts), len(hook.posts)))
    check("Alertmanager has it resolved", until(lambda: am_alerts(url) == []), am_alerts(url))
    check("Alertmanager told of each once", until(lambda: am_told(am_hook) == [
        ("waiting", "firing"), ("waiting", "resolved")]), am_told(am_hook))
    check("nothing more comes", not until(lambda: not everybody(2), 3))
    bodies = [json.loads(body) for _, _, body in hook.posts]
    check("first firing, then resolved", [b["status"] for b in bodies] == ["firing", "resolved"]
          and bodies[0]["alerts"][0]["alert"] == bodies[1]["alerts"][0]["alert"]
          and bodies[0]["key"] != bodies[1]["key"], bodies)
    subjects = [email.message_from_bytes(e.content, policy=email.policy.default)["Subject"] for _, _, e in mails.mails]
    check("so say the mails", [s.split()[0] for s in subjects] == ["[FIRING]", "[RESOLVED]"], subjects)
    lines = [log.recv(65536).decode() for _ in range(2)]
    check("and syslog", "[FIRING]" in lines[0] and "[RESOLVED]" in lines[1], lines)
    text = open(path("agent.log")).read() + agent.page("/metrics")
    check("no secret is shown", not any(s in text for s in (PASSWORD, SECRET, SLACK)))
    agent.process.terminate()
    check("a clean end", agent.process.wait(30) == 0)


def test_backlog():
    """A thousand messages that cannot be sent; the agent is killed with them, and while it sends them."""
    hook = Receiver()
    hook.status = 503
    config = write("backlog.yaml", f"""
alerts: {{enabled: false}}
channels: [{{name: hook, type: webhook, url: "{hook.url}", group_wait: 0s, retry_max: 1s}}]
""")
    notifier = delivery.Notifier(config, path("agent.db"))
    notifier.post("spread 1000")
    notifier.stop()

    def waiting():
        return list(agent.metric("kvmlens_notify_waiting"))
    agent = Agent(config)
    check("a thousand messages wait", until(lambda: waiting() == [1000.0] and hook.times), waiting())
    agent.kill()
    hook.status = 200
    for some in (100, 500):
        agent = Agent(config)
        until(lambda some=some: len(hook.posts) > some)
        agent.kill()
    agent = Agent(config)
    check("over three kills all are delivered", until(lambda: waiting() == [0.0]), waiting())
    bodies = {}
    for _, headers, body in hook.posts:
        bodies.setdefault(headers["Idempotency-Key"], set()).add(body)
    check("none lost, none doubled but under its own key", len(bodies) == 1000 and all(
        len(b) == 1 for b in bodies.values()) and len(hook.posts) <= 1003, (len(bodies), len(hook.posts)))
    check("in their order", list(bodies) == [f"{vm:016x}-1" for vm in range(1000)], list(bodies)[:10])
    agent.process.terminate()
    agent.process.wait(30)


def end_children():
    while children:
        child = children.pop()
        child.kill()
        child.wait()


if __name__ == "__main__":
    signal.alarm(240)
    try:
        certificates()
        main()
        end_children()
        test_backlog()
    finally:
        end_children()
    print(f"1..{delivery.tests}")
    sys.stdout.flush()
    os._exit(delivery.failed != 0)
