# SPDX-License-Identifier: Apache-2.0
"""Real receivers, and Prometheus as the judge of when a rule fires.

Run by alert_real.sh. A VM that is made to wait for its CPU fires rules of every form. The running
agent and a running Prometheus, which has the exported rules, tell one Alertmanager; the agent tells
Postfix, and channels of every type with every key. Prints TAP.
"""
import email
import email.policy
import glob
import json
import os
import pwd
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import delivery
from alert_vm import Agent, busy_vm, children, on_one_cpu, start
from delivery import Receiver, certificates, check, free_port, path, until, write

KVMLENS = os.environ["KVMLENS"]
TO = ["ops@example.org", "the-people-who-are-on-call-this-week@example.org"]
RULES = ["ready", "both", "either", "share", "rated"]
KEEP_S = 6


def postfix():
    """Of its own directories, TLS demanded; mailboxes of one file each."""
    os.chmod(delivery.TMP, 0o755)
    config, user = path("postfix"), pwd.getpwnam("postfix")
    for name in ("postfix", "queue", "postfix-data", "mail"):
        os.mkdir(path(name))
    for name in ("postfix-data", "mail"):
        os.chown(path(name), user.pw_uid, user.pw_gid)
    port = free_port()
    write("postfix/main.cf", f"""
compatibility_level = 3.6
queue_directory = {path('queue')}
data_directory = {path('postfix-data')}
maillog_file_prefixes = {delivery.TMP}
maillog_file = {path('postfix.log')}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.org
mydestination =
virtual_mailbox_domains = example.org
virtual_mailbox_base = {path('mail')}
virtual_mailbox_maps = inline:{{ {', '.join(f'{to}={n}' for n, to in enumerate(TO))} }}
virtual_uid_maps = static:{user.pw_uid}
virtual_gid_maps = static:{user.pw_gid}
virtual_minimum_uid = 1
mynetworks = 127.0.0.0/8
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = {path('mail.pem')}
smtpd_tls_key_file = {path('mail.key')}
smtpd_tls_received_header = yes
alias_maps =
alias_database =
biff = no
""")
    services = "\n".join(f"{name} unix - - n - {most} {command}" for name, most, command in [
        ("rewrite", "-", "trivial-rewrite"), ("bounce", 0, "bounce"),
        ("defer", 0, "bounce"), ("trace", 0, "bounce"), ("verify", 1, "verify"), ("proxymap", "-", "proxymap"),
        ("smtp", "-", "smtp"), ("error", "-", "error"), ("retry", "-", "error"),
        ("anvil", 1, "anvil")])
    write("postfix/master.cf", f"""
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
virtual unix - n n - - virtual
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
postlog unix-dgram n - n - 1 postlogd
{services}
""")
    for name in glob.glob(path("postfix/*")):
        os.chmod(name, 0o644)
    subprocess.run(["postfix", "-c", config, "start"], check=True, capture_output=True)
    return port, lambda: subprocess.run(["postfix", "-c", config, "stop"], capture_output=True)


def mails(n):
    """What is in a recipient's mailbox."""
    try:
        with open(path(f"mail/{n}")) as file:
            text = file.read()
    except OSError:
        return []
    return [email.message_from_string(part.partition("\n")[2], policy=email.policy.default)
            for part in ("\n" + text).split("\nFrom ")[1:]]


def get(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


def prometheus(agent_port, am_url):
    exported = subprocess.run([KVMLENS, "alerts", "export", "--prometheus", "--config", path("agent.yaml")],
                              check=True, capture_output=True, text=True).stdout
    write("rules.yml", exported)
    write("prometheus.yml", f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [{path('rules.yml')}]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["{am_url.removeprefix('http://')}"]}}]}}]}}
scrape_configs: [{{job_name: kvmlens, static_configs: [{{targets: ["127.0.0.1:{agent_port}"]}}]}}]
""")
    port = free_port()
    log = open(path("prometheus.log"), "w")
    start("prometheus", f"--config.file={path('prometheus.yml')}", f"--storage.tsdb.path={path('tsdb')}",
          f"--web.listen-address=127.0.0.1:{port}", stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def ready():
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False
    assert until(ready), open(path("prometheus.log")).read()
    return url


def firing_spans(url):
    """Of each rule the first and the last moment at which Prometheus has it firing."""
    query = urllib.parse.urlencode({"query": 'ALERTS{alertstate="firing",vm="waiting"}[10m]'})
    return {r["metric"]["alertname"]: (float(r["values"][0][0]), float(r["values"][-1][0]))
            for r in get(f"{url}/api/v1/query?{query}")["data"]["result"]}


def our_spans():
    out = subprocess.run([KVMLENS, "alerts", "history", "--config", path("agent.yaml"), "--store", path("agent.db"),
                          "--format", "json"], check=True, capture_output=True, text=True).stdout
    spans = {}
    for entry in json.loads(out):
        if entry["change"] in ("firing", "resolved"):
            spans.setdefault(entry["rule"], {})[entry["change"]] = entry["time_ms"] / 1000
    return spans


def configuration(mail_port, am_url, urls, agent_port, late=False):
    secret = write("secret", "key-1")
    common = "group_wait: 300ms, timeout: 5s, retry_max: 3s, max_waiting: 50, max_age: 1h, min_severity: warning, " \
             "rules: [\"*\"]"
    vms = "vms: [\"wait*\", other]"
    return write("agent.yaml", f"""
node_id: host-1
interval: 1s
control: /run/kvmlens/control.sock
alerts: {{default_rules: false, external_url: "https://host-1.example.org"}}
silences:
- {{name: others, vm: "other*", rule: "rea*", days: [mon, tue, wed, thu, fri, sat, sun], from: "00:00", duration: 24h,
   time_zone: Europe/Berlin, comment: every option}}
rules:
- id: ready
  name: VM waits
  description: |
    {{vm}} waits for a CPU.
    Move a VM away.
  severity: critical
  type: threshold
  condition: {{metric: vm.cpu.ready_time, operator: gt, threshold: 20, duration: 4s, labels: {{vm: waiting}},
    tags: {{component: vm}}}}
  resolve_threshold: 10
  keep_firing_for: {KEEP_S}s
  repeat: 1h
  no_data: keep
  no_data_after: 1m
  enabled: true
  raise_detail: false
  channels: [mail, chat, hook, am, log, pager, genie, teams]
  labels: {{team: "infra"}}
  annotations: {{dashboard: "https://grafana.example.org/{{vm}}"}}
  runbook_url: https://wiki.example.org/{{vm}}
  text: "{{vm}} waits {{value}}"
- id: both
  keep_firing_for: {KEEP_S}s
  channels: [am]
  condition: {{metric: vm.cpu.ready_time, operator: gt, threshold: 20, duration: 4s, labels: {{vm: waiting}},
    and: [{{metric: vm.cpu.usage, operator: gt, threshold: 5}}, {{metric: host.cpu.online, operator: ge, threshold: 1}}]}}
- id: either
  keep_firing_for: {KEEP_S}s
  channels: [am{", late" if late else ""}]
  condition: {{metric: vm.memory.total, operator: lt, threshold: 1MiB, duration: 4s, labels: {{vm: waiting}},
    or: [{{metric: vm.cpu.ready_time, operator: gt, threshold: 20}}]}}
- id: share
  keep_firing_for: {KEEP_S}s
  channels: [am]
  condition: {{metric: vm.cpu.ready_time, divide_by: host.cpu.online, operator: gt, threshold: 5, duration: 4s,
    labels: {{vm: waiting}}}}
- id: rated
  keep_firing_for: {KEEP_S}s
  channels: [am]
  condition: {{metric: vm.cpu.ready_seconds_total, rate: 4s, operator: gt, threshold: 0.2, duration: 4s,
    labels: {{vm: waiting}}}}
- id: calm
  channels: [am]
  condition: {{metric: vm.cpu.ready_time, operator: gt, threshold: 20, and: [{{metric: host.vms, operator: gt, threshold: 1000}}]}}
- id: beat
  type: heartbeat
  severity: info
  repeat: 1m
  channels: [beats]
channels:
- {{name: mail, type: email, url: "smtp://127.0.0.1:{mail_port}", from: kvmlens@example.org, to: [{', '.join(TO)}],
   starttls: true, ca_file: {path('ca.pem')}, {vms}, {common}}}
- {{name: chat, type: slack, url_file: {write('chat', urls['chat'] + '/chat')}, {vms}, {common}}}
- {{name: hook, type: webhook, url: "{urls['hook']}/hook", token_file: {write('token', 'T0KEN')}, secret_file: {secret},
   headers: ["X-Key: ${{token}}", "X-Vm: ${{vm}}"], content_type: application/json,
   body: '{{"what": "${{title}}", "team": "${{labels.team}}", "all": ${{alerts}}}}', {vms}, {common}}}
- {{name: am, type: alertmanager, url: "{am_url}", resend: 1s, labels: {{instance: "127.0.0.1:{agent_port}"}}, {vms},
   {common}}}
- {{name: log, type: journal, socket: {path('log')}, {vms}, {common}}}
- {{name: pager, type: pagerduty, url: "{urls['pager']}/enqueue", token_file: {path('token')}, {vms}, {common}}}
- {{name: genie, type: opsgenie, url: "{urls['genie']}", token_file: {path('token')}, {vms}, {common}}}
- {{name: teams, type: teams, url: "{urls['teams']}/teams", {vms}, {common}}}
- {{name: beats, type: webhook, url: "{urls['beats']}/beat", username: u, password_file: {secret}, group_wait: 0s}}
- {{name: nobody, type: webhook, url: "{urls['nobody']}/no", vms: [other]}}
{f'- {{name: late, type: webhook, url: "{urls["late"]}/late", rules: [either], group_wait: 0s}}' if late else ""}
""")


def alertmanager():
    """As delivery's, but it groups what comes of both within seconds, as one does in life."""
    process, url, hook = delivery.alertmanager()
    process.terminate()
    process.wait()
    with open(path("am.yml")) as file:
        text = file.read().replace("group_wait: 0s, group_interval: 1s", "group_wait: 1s, group_interval: 4s")
    write("am.yml", text)
    log = open(path("alertmanager.log"), "a")
    start("prometheus-alertmanager", f"--config.file={path('am.yml')}", f"--storage.path={path('am')}",
          "--cluster.listen-address=", f"--web.listen-address={url.removeprefix('http://')}", stdout=log, stderr=log)

    def ready():
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False
    assert until(ready)
    return url, hook


def pages(hook):
    return sorted((alert["labels"]["alertname"], alert["status"]) for _, _, body in hook.posts
                  for alert in json.loads(body)["alerts"] if alert["labels"].get("vm") == "waiting")


def test_beside_prometheus():
    names = ["chat", "hook", "pager", "genie", "teams", "beats", "nobody", "late"]
    hooks = {name: Receiver() for name in names}
    urls = {name: hook.url for name, hook in hooks.items()}
    mail_port, stop_postfix = postfix()
    am_url, am_hook = alertmanager()
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(path("log"))
    log.setblocking(False)
    port = free_port()
    config = configuration(mail_port, am_url, urls, port)
    result = subprocess.run([KVMLENS, "check-config", config], capture_output=True, text=True)
    check("every type with every key is right, and what is doubtful is said", result.returncode == 0 and
          result.stderr.splitlines() == [], result.stderr)
    agent = Agent(config, port, "1s")
    judge = prometheus(agent.port, am_url)
    vm = busy_vm()
    for _ in range(3):
        start("sh", "-c", "while :; do :; done", preexec_fn=on_one_cpu)
    check("all rules fire in Prometheus", until(lambda: sorted(firing_spans(judge)) == sorted(RULES), 60),
          firing_spans(judge))
    check("Alertmanager has each once", until(lambda: sorted(
        a["labels"]["alertname"] for a in delivery.am_alerts(am_url) if a["labels"].get("vm")) == sorted(RULES)),
          delivery.am_alerts(am_url))
    both = [a for a in delivery.am_alerts(am_url) if a["labels"]["alertname"] == "ready"]
    check("with labels, texts and links", [(a["labels"]["team"], a["annotations"]["runbook_url"],
          a["annotations"]["dashboard"]) for a in both] ==
          [("infra", "https://wiki.example.org/waiting", "https://grafana.example.org/waiting")] and
          both[0]["generatorURL"].startswith(("https://host-1.example.org/", "http://")), both)
    check("every channel is told once", until(lambda: [len(mails(0)), len(mails(1))] == [1, 1] and all(
        len(hooks[n].posts) == 1 for n in ("chat", "hook", "pager", "genie", "teams"))),
          {n: len(h.posts) for n, h in hooks.items()} | {"mail": [len(mails(0)), len(mails(1))]})
    # A channel that comes by a reload is told from then on.
    configuration(mail_port, am_url, urls, port, late=True)
    agent.process.send_signal(signal.SIGHUP)
    check("it is reread", until(lambda: 'channel="late"' in agent.page("/metrics")), open(path("agent.log")).read()[-2000:])
    vm.send_signal(signal.SIGSTOP)
    time.sleep(1)
    check("all is over in Prometheus", until(lambda: not get(
        f"{judge}/api/v1/query?" + urllib.parse.urlencode({"query": 'ALERTS{vm="waiting"}'}))["data"]["result"], 60))
    check("every channel is told of its end", until(lambda: [len(mails(0)), len(mails(1))] == [2, 2] and all(
        len(hooks[n].posts) == 2 for n in ("chat", "hook", "pager", "genie", "teams"))),
          {n: len(h.posts) for n, h in hooks.items()})
    check("the channel of the reload, too", until(lambda: [json.loads(p[2])["status"] for p in hooks["late"].posts] ==
                                                  ["resolved"]), hooks["late"].posts)
    check("one page each, from both together", until(lambda: pages(am_hook) == sorted(
        (rule, status) for rule in RULES for status in ("firing", "resolved")), 20), pages(am_hook))

    theirs, ours = firing_spans(judge), our_spans()
    off = {rule: (round(ours[rule]["firing"] - theirs[rule][0], 1), round(ours[rule]["resolved"] - theirs[rule][1], 1))
           for rule in RULES if len(ours.get(rule, ())) == 2 and rule in theirs}
    # Prometheus is behind the tick by a scrape and an evaluation, each a second apart; it begins to
    # count at an evaluation and ends at one; and it shares a host that is busy on purpose.
    check("at the same moments", sorted(off) == sorted(RULES) and all(
        -6 <= begin <= 1 and abs(end) <= 4 for begin, end in off.values()), off)
    print("# differences in seconds:", off, flush=True)

    for n in (0, 1):
        got = mails(n)
        check(f"mail to {TO[n]}, behind TLS", [m["Subject"].split("]")[0] for m in got] == ["[FIRING", "[RESOLVED"] and
              all("using TLSv1" in m["Received"] and TO[1 - n] in m["To"] for m in got), [str(m) for m in got])
    check("what services are sent", (
        [json.loads(b)["event_action"] for _, _, b in hooks["pager"].posts],
        [w for w, _, _ in hooks["genie"].posts][0], [h["Authorization"] for _, h, _ in hooks["genie"].posts],
        json.loads(hooks["hook"].posts[0][2])["team"], hooks["hook"].posts[0][1]["X-Key"],
        hooks["hook"].posts[0][1]["X-Vm"]) == (
            ["trigger", "resolve"], "/v2/alerts", ["GenieKey T0KEN"] * 2, "infra", "T0KEN", "waiting"),
          [h.posts for h in hooks.values()])
    check("the heart beats where it is waited for", len(hooks["beats"].posts) >= 1 and not hooks["nobody"].posts,
          (len(hooks["beats"].posts), hooks["nobody"].posts))
    said = open(path("agent.log")).read()
    check("no secret is shown", "T0KEN" not in said and "key-1" not in said, said)
    agent.process.terminate()
    check("a clean end", agent.process.wait(30) == 0)
    stop_postfix()


def test_full_disk():
    """The disk is full before the agent begins: what fires is delivered all the same."""
    os.mkdir(path("full"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "full", path("full")], check=True)
    try:
        with open(path("full/hog"), "wb", 0) as hog:
            while hog.write(bytes(4096)):
                pass
    except OSError:
        pass
    hook = Receiver()
    config = write("full.yaml", f"""
interval: 500ms
store: {path('full/history.db')}
control: none
alerts: {{default_rules: false}}
rules:
- {{id: kvmlens-store-down, severity: critical, condition: {{metric: kvmlens.store.up, operator: eq, threshold: 0,
   duration: 1s}}, keep_firing_for: 0s}}
channels: [{{name: hook, type: webhook, url: "{hook.url}/x", group_wait: 0s}}]
""")
    port = free_port()
    with open(path("full.log"), "w") as log:
        process = start(KVMLENS, "run", "--config", config, "--listen", f"127.0.0.1:{port}", stdout=log, stderr=log)

    def told():
        return [(a["rule"], a["status"]) for _, _, b in hook.posts for a in json.loads(b)["alerts"]]
    check("a full disk: the alert arrives", until(lambda: told() == [("kvmlens-store-down", "firing")]),
          (told(), open(path("full.log")).read()))
    os.unlink(path("full/hog"))
    subprocess.run(["mount", "-o", "remount,size=64m", path("full")], check=True)
    check("with room again its end arrives, and nothing twice", until(lambda: told() == [
        ("kvmlens-store-down", "firing"), ("kvmlens-store-down", "resolved")]), (told(), open(path("full.log")).read()))
    process.terminate()
    check("a clean end", process.wait(30) == 0)
    subprocess.run(["umount", path("full")], check=False)


def main():
    signal.alarm(300)
    certificates()
    try:
        test_full_disk()
        test_beside_prometheus()
    finally:
        for child in children:
            child.send_signal(signal.SIGCONT)
            child.kill()
        subprocess.run(["postfix", "-c", path("postfix"), "stop"], capture_output=True, check=False)
    print(f"1..{delivery.tests}")
    raise SystemExit(delivery.failed != 0)


if __name__ == "__main__":
    main()
