# SPDX-License-Identifier: Apache-2.0
"""Delivery of alerts through real servers, and through servers that misbehave.

Run by delivery.sh. A mail server with TLS and authentication, receivers for webhook and Slack, and
Debian's Alertmanager take what the notifier program (build/tests/e2e/notifier) has in its store.
Prints TAP. No assertion on absolute time: each step waits for its condition.
"""
import email
import email.policy
import glob
import hashlib
import hmac
import http.server
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

TMP = os.environ["TEST_TMP"]
NOTIFIER = os.environ["BUILD"] + "/tests/e2e/notifier"
SECRET, TOKEN, PASSWORD, SLACK = "signing-key-1", "bearer-2", "mail-password-3", "/services/T0/B0/slack-4"
PATIENCE = 40
tests = failed = 0


def check(name, good, detail=""):
    global tests, failed
    tests += 1
    failed += not good
    print(f"{'ok' if good else 'not ok'} {tests} - {name}", flush=True)
    if not good:
        print(f"# {detail}", flush=True)


def until(condition, patience=PATIENCE):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return bool(condition())


def path(name):
    return f"{TMP}/{name}"


def write(name, text):
    with open(path(name), "w") as file:
        file.write(text)
    os.chmod(path(name), 0o600)
    return path(name)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what is posted; status and delay are what it answers with."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self):
        self.posts, self.times, self.status, self.lock = [], [], 200, threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def keys(self):
        """Of each alert, in the order of arrival; a message that came again counts once."""
        with self.lock:
            messages = {headers["Idempotency-Key"]: body for _, headers, body in self.posts}
            return [alert["key"] for body in messages.values() for alert in json.loads(body)["alerts"]]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: else each waits for an acknowledgement

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            status = self.server.status
            self.server.times.append(time.monotonic())
            if status == 200:
                self.server.posts.append((self.path, dict(self.headers), body))
        self.send_response(status)
        if status == 429:
            self.send_header("Retry-After", "3")
        if status == 302:
            self.send_header("Location", self.server.target)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *args):
        pass


class Mails:
    """A handler of aiosmtpd that keeps what it is given."""
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        self.mails.append((session.authenticated, session.ssl is not None, envelope))
        return "250 kept"

    @staticmethod
    def authenticate(server, session, envelope, mechanism, data):
        # login and password as bytes, whatever the mechanism
        return AuthResult(success=data.login == b"kvmlens" and data.password == PASSWORD.encode())


class Notifier:
    """The program under test."""
    def __init__(self, config, store):
        self.process = subprocess.Popen([NOTIFIER, config, store], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.said = []
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        self.said.append(answer)
        return answer.strip()

    def post(self, line):
        assert self.ask(line) == "0", line

    def state(self, channel=None):
        state = json.loads(self.ask("state"))
        return state[channel] if channel else state

    def stop(self):
        self.process.stdin.close()
        return self.process.wait(30)

    def kill(self):
        self.process.kill()
        self.process.wait()


def certificates():
    """A CA of our own, and a certificate of 127.0.0.1 by it; one of another CA."""
    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    write("san", "subjectAltName=IP:127.0.0.1\n")
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
                "-keyout", path(f"{ca}.key"), "-out", path(f"{ca}.pem"))
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mail", "-keyout", path("mail.key"),
            "-out", path("mail.csr"))
    openssl("x509", "-req", "-in", path("mail.csr"), "-CA", path("ca.pem"), "-CAkey", path("ca.key"),
            "-CAcreateserial", "-days", "2", "-extfile", path("san"), "-out", path("mail.pem"))


def mail_server(mails):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("mail.pem"), path("mail.key"))
    controller = Controller(mails, hostname="127.0.0.1", port=free_port(), tls_context=context,
                            require_starttls=True, auth_required=True,
                            authenticator=Mails.authenticate)
    controller.start()
    return controller


def alertmanager():
    port = free_port()
    hook = Receiver()
    write("am.yml", f"""
route: {{receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}}
receivers: [{{name: hook, webhook_configs: [{{url: "{hook.url}/am", send_resolved: true}}]}}]
""")
    log = open(path("alertmanager.log"), "w")
    process = subprocess.Popen(["prometheus-alertmanager", f"--config.file={path('am.yml')}",
                                f"--storage.path={path('am')}", "--cluster.listen-address=",
                                f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def ready():
        try:
            return urllib.request.urlopen(url + "/-/ready", timeout=2).status == 200
        except OSError:
            return False
    assert until(ready), "no Alertmanager"
    return process, url, hook


def am_alerts(url):
    with urllib.request.urlopen(url + "/api/v2/alerts", timeout=5) as answer:
        return json.load(answer)


def am_told(hook):
    """(vm, status) of each of Alertmanager's own notifications."""
    return [(alert["labels"]["vm"], alert["status"]) for _, _, body in hook.posts
            for alert in json.loads(body)["alerts"]]


def test_five():
    """Each kind of channel is told once that an alert fires, and once that it is over."""
    mails, hook, chat = Mails(), Receiver(), Receiver()
    server = mail_server(mails)
    process, url, am_hook = alertmanager()
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    log.bind(path("log"))
    log.setblocking(False)
    config = write("five.yaml", f"""
node_id: host-1
channels:
- {{name: mail, type: email, url: "smtp://127.0.0.1:{server.port}", from: kvmlens@example.org, to: [ops@example.org],
   username: kvmlens, password_file: {write('password', PASSWORD)}, ca_file: {path('ca.pem')}, group_wait: 100ms}}
- {{name: chat, type: slack, url_file: {write('slack', chat.url + SLACK)}, group_wait: 100ms}}
- {{name: hook, type: webhook, url: "{hook.url}/hook", secret_file: {write('secret', SECRET)},
   token_file: {write('token', TOKEN)}, group_wait: 100ms}}
- {{name: am, type: alertmanager, url: "{url}", group_wait: 100ms, resend: 1s}}
- {{name: log, type: journal, socket: {path('log')}, group_wait: 100ms}}
""")
    notifier = Notifier(config, path("five.db"))
    notifier.post("firing 7 1")
    check("all channels take it", until(lambda: all(c["messages"] == 1 for c in notifier.state().values())),
          notifier.state())
    check("Alertmanager has it active",
          until(lambda: [a["status"]["state"] for a in am_alerts(url)] == ["active"]), am_alerts(url))
    ends = am_alerts(url)[0]["endsAt"]
    check("its endsAt is kept fresh", until(lambda: am_alerts(url)[0]["endsAt"] > ends))
    check("Alertmanager tells of it", until(lambda: am_told(am_hook) == [("vm-0007", "firing")]))
    notifier.post("resolved 7 2")
    check("all channels take its end", until(lambda: all(c["messages"] == 2 for c in notifier.state().values())),
          notifier.state())
    check("Alertmanager has it resolved", until(lambda: am_alerts(url) == []), am_alerts(url))
    check("Alertmanager tells of its end",
          until(lambda: am_told(am_hook) == [("vm-0007", "firing"), ("vm-0007", "resolved")]), am_told(am_hook))
    state = notifier.state()
    check("nothing failed", all(c["failures"] == 0 and c["waiting"] == 0 for c in state.values()), state)
    check("a clean end", notifier.stop() == 0)

    check("two mails, behind TLS and a password", len(mails.mails) == 2 and all(
        auth and tls and e.rcpt_tos == ["ops@example.org"] and e.mail_from == "kvmlens@example.org"
        for auth, tls, e in mails.mails), mails.mails)
    parsed = [email.message_from_bytes(e.content, policy=email.policy.default) for _, _, e in mails.mails]
    check("their words", [m["Subject"] for m in parsed] ==
          ["[FIRING] host-1: ready time is 42.5 %", "[RESOLVED] host-1: ready time is 42.5 %"]
          and "Move a VM away." in parsed[0].get_content() and "vm=vm-0007" in parsed[0].get_content()
          and parsed[0]["References"] == parsed[1]["References"]
          and parsed[0]["Message-ID"] != parsed[1]["Message-ID"], parsed)
    posts = hook.posts
    check("two webhooks, signed", len(posts) == 2 and all(
        where == "/hook" and headers["Authorization"] == "Bearer " + TOKEN and headers["X-Kvmlens-Signature"] ==
        "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest() for where, headers, body in posts),
        posts)
    bodies = [json.loads(body) for _, _, body in posts]
    check("their words and keys", [b["status"] for b in bodies] == ["firing", "resolved"]
          and [p[1]["Idempotency-Key"] for p in posts] == [b["key"] for b in bodies]
          and bodies[0]["alerts"][0]["labels"]["vm"] == "vm-0007", bodies)
    check("two messages of Slack's form", [p for p, _, _ in chat.posts] == [SLACK] * 2 and [
        (json.loads(b)["text"], json.loads(b)["attachments"][0]["color"]) for _, _, b in chat.posts] ==
        [("[FIRING] host-1: ready time is 42.5 %", "#d00000"),
         ("[RESOLVED] host-1: ready time is 42.5 %", "#2eb886")], chat.posts)
    lines = [log.recv(65536).decode() for _ in range(2)]
    check("two lines of syslog", lines[0].startswith("<26>kvmlens[") and "[RESOLVED]" in lines[1], lines)
    secrets = [SECRET, TOKEN, PASSWORD, SLACK]
    check("no secret is shown", not any(s in said for s in secrets for said in notifier.said))
    process.terminate()
    server.stop()
    hook.shutdown()


def hang(listener):
    """Takes connections, and says nothing."""
    kept = []
    while True:
        try:
            kept.append(listener.accept())
        except OSError:
            return


def flood(listener):
    """Answers with 200 and ten million bytes, or as many as are taken."""
    while True:
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        connection.settimeout(10)
        try:
            while b"}" not in connection.recv(65536):
                pass
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"x" * 10000)
        except OSError:
            pass
        connection.close()


def listen(serve):
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def tls_server():
    """HTTPS by our CA."""
    server = Receiver()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("mail.pem"), path("mail.key"))
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    plain.posts, plain.times, plain.status, plain.lock = [], [], 200, threading.Lock()
    plain.socket = context.wrap_socket(plain.socket, server_side=True)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    server.shutdown()
    return plain


def senders(notifier):
    """The processes that talk to the network now: what the kernel says of each."""
    found = []
    for status in glob.glob("/proc/[0-9]*/status"):
        try:
            with open(status) as file:
                fields = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        except OSError:
            continue
        if fields.get("PPid") == str(notifier.process.pid) and fields.get("Seccomp") == "2":
            found.append(fields)
    return found


def is_confined(fields):
    user = os.geteuid() != 0 or fields["Uid"].split() == ["65522"] * 4 and fields["Groups"].strip() == ""
    return user and fields["NoNewPrivs"] == "1" and not any(
        int(fields[key], 16) for key in ("CapInh", "CapPrm", "CapEff", "CapAmb"))


def test_faults():
    """Whatever one endpoint does, the others are told at once, and memory stays as it is."""
    good, bad, elsewhere = Receiver(), Receiver(), Receiver()
    bad.status, bad.target = 500, elsewhere.url
    moved = Receiver()
    moved.status, moved.target = 302, elsewhere.url
    never = Receiver()
    never.status = 400
    tls = tls_server()
    tls_url = f"https://127.0.0.1:{tls.server_address[1]}"
    plain_mail = Controller(Mails(), hostname="127.0.0.1", port=free_port())
    plain_mail.start()
    common = "group_wait: 0s, timeout: 1s, retry_max: 1s"
    config = write("faults.yaml", f"""
node_id: host-1
channels:
- {{name: hung, type: webhook, url: "{listen(hang)}", {common}}}
- {{name: refusing, type: webhook, url: "http://127.0.0.1:{free_port()}", {common}}}
- {{name: broken, type: webhook, url: "{bad.url}", {common}}}
- {{name: moved, type: webhook, url: "{moved.url}", {common}}}
- {{name: never, type: webhook, url: "{never.url}", {common}}}
- {{name: strange-ca, type: webhook, url: "{tls_url}", ca_file: {path('other.pem')}, {common}}}
- {{name: known-ca, type: webhook, url: "{tls_url}", ca_file: {path('ca.pem')}, {common}}}
- {{name: strange-name, type: webhook, url: "{tls_url.replace('127.0.0.1', 'localhost')}", ca_file: {path('ca.pem')}, {common}}}
- {{name: no-dns, type: webhook, url: "http://no-such-host.invalid/", {common}}}
- {{name: no-starttls, type: email, url: "smtp://127.0.0.1:{plain_mail.port}", from: a@example.org, to: b@example.org, {common}}}
- {{name: no-secret, type: webhook, url: "{good.url}", secret_file: {path('gone')}, {common}}}
- {{name: flood, type: webhook, url: "{listen(flood)}", {common}}}
- {{name: good, type: webhook, url: "{good.url}/good", {common}}}
""")
    notifier = Notifier(config, path("faults.db"))
    notifier.post("firing 1 1")
    check("the good ones are told", until(lambda: all(
        notifier.state(c)["messages"] == 1 for c in ("good", "known-ca", "flood"))), notifier.state())
    before = int(notifier.ask("rss"))
    check("who talks to the network has no rights", until(lambda: senders(notifier)) and all(
        is_confined(s) for s in senders(notifier)), senders(notifier))
    failing = ("hung", "refusing", "broken", "moved", "strange-ca", "strange-name", "no-dns", "no-starttls", "no-secret")
    check("the bad ones are tried again", until(lambda: all(
        notifier.state(c)["failures"] >= 3 for c in failing)), notifier.state())
    state = notifier.state()
    check("and keep what they were to tell", all(state[c]["waiting"] == 1 and not state[c]["up"] for c in failing),
          state)
    check("what is refused as such is given up", until(lambda: (
        notifier.state("never")["refused"], notifier.state("never")["waiting"]) == (1, 0)), notifier.state("never"))
    words = {"broken": "HTTP status 500", "moved": "HTTP status 302", "refusing": "refused",
             "strange-ca": "certificate", "strange-name": "certificate", "no-dns": "resolve", "no-starttls": "SSL", "no-secret": "No such file",
             "hung": "Timeout"}
    check("each says why", all([until(lambda c=c: words[c] in notifier.state(c)["error"]) for c in words]),
          notifier.state())
    check("no redirection is followed", elsewhere.posts == [], elsewhere.posts)
    for serial in range(2, 12):
        notifier.post(f"{'resolved' if serial % 2 == 0 else 'firing'} 1 {serial}")
    check("ten more come at once where it works", until(lambda: all(
        notifier.state(c)["messages"] == 11 for c in ("good", "known-ca", "flood"))), notifier.state())
    expected = [f"{1:016x}-{n}" for n in range(1, 12)]
    check("in their order", good.keys() == expected, good.keys())
    bad.status = moved.status = 200
    check("what is mended gets all, in order", until(lambda: all(
        r.keys() == expected for r in (bad, moved))), (bad.keys(), moved.keys()))
    after = int(notifier.ask("rss"))
    check("memory does not grow", after < before + 16384, (before, after))
    check("a clean end beside a hung server", notifier.stop() == 0)
    plain_mail.stop()


def test_back_off():
    """Later and later, never sooner than the server asks for. Lower bounds alone: a busy machine is late."""
    broken, asking = Receiver(), Receiver()
    broken.status, asking.status = 500, 429
    config = write("back-off.yaml", f"""
node_id: host-1
channels:
- {{name: broken, type: webhook, url: "{broken.url}", group_wait: 0s, retry_max: 1s}}
- {{name: asking, type: webhook, url: "{asking.url}", group_wait: 0s, retry_max: 1s}}
""")
    notifier = Notifier(config, path("back-off.db"))
    notifier.post("firing 1 1")
    check("both are tried again", until(lambda: len(broken.times) >= 6 and len(asking.times) >= 2))
    gaps = [b - a for a, b in zip(broken.times, broken.times[1:])]
    # A tenth of a second at first, twice that each time, a second at most; half of it is jitter.
    check("ever later", all(gap >= min(0.1 * 2 ** n, 1) / 2 for n, gap in enumerate(gaps)), gaps)
    check("as late as the server asks for", asking.times[1] - asking.times[0] >= 3, asking.times)
    notifier.stop()


def test_kill():
    """Killed with a thousand messages that cannot be sent, and while they are: none lost or doubled."""
    hook = Receiver()
    port = hook.server_address[1]
    hook.status = 500
    config = write("kill.yaml", f"""
node_id: host-1
channels:
- {{name: hook, type: webhook, url: "http://127.0.0.1:{port}", group_wait: 0s, timeout: 2s, retry_max: 1s}}
""")
    notifier = Notifier(config, path("kill.db"))
    for serial in (1, 2, 3, 4):
        for vm in range(0, 250, 50):
            for i in range(vm, vm + 50):
                notifier.process.stdin.write(f"{'firing' if serial % 2 else 'resolved'} {i} {serial}\n")
            notifier.process.stdin.flush()
            for i in range(50):
                assert notifier.process.stdout.readline() == "0\n"
    check("a thousand wait", until(lambda: notifier.state("hook")["waiting"] == 1000), notifier.state())
    notifier.kill()
    hook.status = 200
    # Killed again and again while it delivers, at other moments each time.
    for n in range(6):
        notifier = Notifier(config, path("kill.db"))
        have = len(hook.posts)
        until(lambda: len(hook.posts) > have, 5)
        time.sleep(0.02 * n)
        notifier.kill()
    notifier = Notifier(config, path("kill.db"))
    check("all are delivered", until(lambda: notifier.state("hook")["known"] and notifier.state("hook")["waiting"] == 0), notifier.state())
    check("a clean end", notifier.stop() == 0)
    messages = {}
    for _, headers, body in hook.posts:
        messages.setdefault(headers["Idempotency-Key"], set()).add(body)
    check("what came twice was the same under the same key", all(len(b) == 1 for b in messages.values()))
    seen, doubled = {}, 0
    for key in dict.fromkeys(h["Idempotency-Key"] for _, h, _ in hook.posts):
        for alert in json.loads(next(iter(messages[key])))["alerts"]:
            seen.setdefault(alert["alert"], []).append(int(alert["key"].split("-")[1]))
    check("none is lost, none is doubled, each alert in its order",
          len(seen) == 250 and all(s == [1, 2, 3, 4] for s in seen.values()), seen)
    print(f"# {len(hook.posts)} messages came, {len(messages)} with keys of their own")
    check("they were grouped", len(messages) < 1000, len(messages))


def test_memory():
    """Without a store the queue is in memory, as long, and as ordered."""
    hook = Receiver()
    config = write("memory.yaml", f"""
node_id: host-1
channels:
- {{name: hook, type: webhook, url: "{hook.url}", group_wait: 0s, max_waiting: 100, retry_max: 1s}}
""")
    hook.status = 503
    notifier = Notifier(config, "none")
    notifier.post("burst 300")
    check("the queue is bounded and counts what it drops", until(lambda: (
        notifier.state("hook")["waiting"], notifier.state("hook")["dropped"]) == (100, 200)), notifier.state())
    hook.status = 200
    check("what is left arrives", until(lambda: len(hook.keys()) == 100), len(hook.keys()))
    notifier.stop()


if __name__ == "__main__":
    signal.alarm(300)
    certificates()
    test_five()
    test_faults()
    test_back_off()
    test_kill()
    test_memory()
    print(f"1..{tests}")
    sys.stdout.flush()
    os._exit(failed != 0)
