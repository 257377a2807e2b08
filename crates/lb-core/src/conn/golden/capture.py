#!/usr/bin/env python3
"""Plays connections through the installed HAProxy on loopback and prints what it logged about each.

    capture.py        the table `endings.tsv`: scenario, flags, Tw, Tc, Tt (in steps of 100 ms), retries, server
    capture.py raw    the table `../../log/tcplog/lines.tsv`: scenario, syslog priority, line (or a dash: it logged none)

Listeners are handed to HAProxy as descriptors, so no port is guessed; everything it starts ends with it.
"""
import os, re, shutil, socket, struct, subprocess, sys, tempfile, threading, time

T = 0.3  # the timeouts under test, in seconds; the others are far away
SCENARIOS = []


def scenario(*options, server="", servers=1, target="echo"):
    def add(play):
        SCENARIOS.append((play.__name__, options, server, servers, target, play))
        return play
    return add


def bound():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    return s


def listener(backlog=64):
    s = bound()
    s.listen(backlog)
    return s


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def fin(s):
    s.shutdown(socket.SHUT_WR)


def eof(s):
    try:
        while s.recv(4096):
            pass
    except OSError:
        pass


class Game:
    """One scenario's client socket `c` and the accepted server socket `s`."""
    def __init__(self, front, back, admin):
        self.back, self.admin, self.front = back, admin, front.getsockname()
        self.c = socket.create_connection(front.getsockname())

    def meet(self, talk=True):
        self.back.settimeout(8)
        self.s, _ = self.back.accept()
        if talk:
            self.c.sendall(b"ping"); self.s.recv(4); self.s.sendall(b"pong!"); self.c.recv(5)
        return self.c, self.s

    def cli(self, line):
        a = socket.socket(socket.AF_UNIX)
        a.connect(self.admin)
        a.sendall(line.encode() + b"\n")
        eof(a)


@scenario()
def normal_client_first(g):
    c, s = g.meet(); fin(c); eof(s); s.close(); eof(c)
@scenario()
def normal_server_first(g):
    c, s = g.meet(); fin(s); eof(c); c.close(); eof(s)
@scenario()
def normal_silent(g):
    c, s = g.meet(talk=False); fin(c); eof(s); s.close(); eof(c)
@scenario()
def talk_after_client_fin(g):
    c, s = g.meet(); fin(c); eof(s); s.sendall(b"more"); s.close(); eof(c)
@scenario()
def client_reset(g):
    c, s = g.meet(); reset(c); eof(s)
@scenario()
def server_reset(g):
    c, s = g.meet(); reset(s); eof(c)
@scenario()
def client_fin_then_server_reset(g):
    c, s = g.meet(); fin(c); eof(s); reset(s); eof(c)
@scenario()
def server_fin_then_client_reset(g):
    c, s = g.meet(); fin(s); eof(c); reset(c); eof(s)
@scenario()
def client_fin_then_client_gone(g):
    c, s = g.meet(); fin(c); eof(s); reset(c); time.sleep(T / 3); s.sendall(b"x" * 9); time.sleep(T / 3)
    try: s.sendall(b"y")
    except OSError: pass
    s.close()
@scenario("timeout client 300")
def client_timeout(g):
    c, s = g.meet(); eof(s); s.close(); eof(c)
@scenario("timeout client 300")
def client_timeout_then_late_answer(g):
    c, s = g.meet(); eof(s); time.sleep(T); s.sendall(b"late"); s.close(); eof(c)
@scenario("timeout client 300", "timeout server 900")
def client_timeout_then_server_silent(g):
    c, s = g.meet(); eof(c)
@scenario("timeout client 900", "timeout server 300")
def server_timeout_then_client_silent(g):
    c, s = g.meet(); eof(c); eof(s)
@scenario("timeout client 300")
def client_timeout_then_server_reset(g):
    c, s = g.meet(); eof(s); time.sleep(T); reset(s); eof(c)
@scenario("timeout server 300")
def server_timeout(g):
    c, s = g.meet(); eof(c)
@scenario("timeout client 300", "timeout server 300")
def both_timeouts_equal(g):
    c, s = g.meet(); eof(c)
@scenario("timeout client 300", "timeout server 300")
def both_timeouts_equal_silent(g):
    c, s = g.meet(talk=False); eof(c)
@scenario("timeout client 300", "timeout server 200", "timeout tunnel 600")
def tunnel_timeout(g):
    c, s = g.meet(); eof(c)
@scenario("timeout client 300", "timeout server 200", "timeout tunnel 600")
def tunnel_timeout_silent(g):
    c, s = g.meet(talk=False); eof(c)
@scenario("timeout server 300")
def client_fin_then_server_silent(g):
    c, s = g.meet(); fin(c); eof(c)
@scenario("timeout client 300")
def client_fin_outlives_client_timeout(g):
    c, s = g.meet(); fin(c); eof(s); time.sleep(2 * T); s.close(); eof(c)
@scenario("timeout server-fin 300")
def server_fin_timeout(g):
    c, s = g.meet(); fin(c); eof(c)
@scenario("timeout client 300")
def server_fin_then_client_silent(g):
    c, s = g.meet(); fin(s); eof(s)
@scenario("timeout client-fin 300")
def client_fin_timeout(g):
    c, s = g.meet(); fin(s); eof(s)
@scenario("timeout client-fin 300", "timeout tunnel 600")
def client_fin_beats_tunnel(g):
    c, s = g.meet(); fin(s); eof(s)
@scenario("timeout server-fin 900", "timeout server 200", "timeout tunnel 600")
def server_fin_longer_than_tunnel(g):
    c, s = g.meet(); fin(c); eof(c)
@scenario("timeout tunnel 600")
def half_closed_tunnel(g):
    c, s = g.meet(); fin(c); eof(c)
@scenario("timeout client 300")
def busy_then_client_timeout(g):
    c, s = g.meet()
    for _ in range(4): time.sleep(T / 2); s.sendall(b"tick")
    eof(s); s.close(); eof(c)
@scenario("retries 2", target="closed")
def refused_retries_2(g):
    eof(g.c)
@scenario("retries 0", target="closed")
def refused_retries_0(g):
    eof(g.c)
@scenario("retries 2", "timeout connect 300", target="closed")
def refused_short_connect_timeout(g):
    eof(g.c)
@scenario("retries 1", "timeout connect 300", target="full")
def connect_timeout(g):
    eof(g.c)
@scenario("retries 0", "timeout connect 300", target="full")
def connect_timeout_retries_0(g):
    eof(g.c)
@scenario("timeout client 300", "retries 1", "timeout connect 900", target="full")
def client_timeout_while_connecting(g):
    eof(g.c)
@scenario(target="full")
def client_fin_while_connecting(g):
    time.sleep(T); fin(g.c); eof(g.c)
@scenario(target="full")
def client_reset_while_connecting(g):
    time.sleep(T); reset(g.c)
@scenario("retries 0", "timeout connect 600", target="full")
def client_talks_and_fins_while_connecting(g):
    g.c.sendall(b"hello"); fin(g.c); eof(g.c)
@scenario("retries 1", target="closed")
def client_reset_while_pausing(g):
    time.sleep(T); reset(g.c)
@scenario("retries 1", target="closed")
def client_fin_while_pausing(g):
    time.sleep(T); fin(g.c); eof(g.c)
@scenario("timeout client 300", "retries 1", target="closed")
def client_timeout_while_pausing(g):
    eof(g.c)
@scenario(server="disabled")
def no_server(g):
    eof(g.c)
@scenario("balance roundrobin", "retries 2", "option redispatch", servers=2, target="closed")
def redispatch_round_robin(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("balance leastconn", "retries 2", "option redispatch", servers=2, target="closed")
def redispatch_leastconn(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("balance first", "retries 2", "option redispatch", servers=2, target="closed")
def redispatch_first(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("balance source", "hash-type consistent", "retries 2", "option redispatch", servers=3, target="closed")
def redispatch_source(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("balance roundrobin", "retries 2", servers=2, target="closed")
def no_redispatch_round_robin(g):
    eof(g.c)
@scenario("balance roundrobin", "retries 3", "option redispatch", target="closed")
def redispatch_to_the_same(g):
    eof(g.c)
@scenario("balance roundrobin", "retries 1", "timeout connect 300", "option redispatch", servers=2, target="full")
def redispatch_after_connect_timeout(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario()
def killed_by_admin(g):
    c, s = g.meet(); g.cli("shutdown sessions server killed_by_admin/s1"); eof(c)
@scenario(server="check inter 1h on-marked-down shutdown-sessions")
def killed_by_server_down(g):
    c, s = g.meet(); g.cli("set server killed_by_server_down/s1 health down"); eof(c)
@scenario(target="full")
def killed_while_connecting(g):
    time.sleep(T); g.cli("shutdown sessions server killed_while_connecting/s1"); eof(g.c)
@scenario()
def killed_half_closed(g):
    c, s = g.meet(); fin(s); eof(c); g.cli("shutdown sessions server killed_half_closed/s1"); eof(s)
@scenario("option logasap")
def logasap(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario()
def without_tcplog(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("option dontlognull")
def null_not_logged(g):
    c, s = g.meet(talk=False); c.close(); eof(s); s.close()
@scenario("option dontlognull")
def null_bytes_one_way(g):
    c, s = g.meet(talk=False); s.sendall(b"hi"); c.recv(2); c.close(); eof(s); s.close()
@scenario("option dontlognull", "retries 0", target="closed")
def null_refused(g):
    eof(g.c)
@scenario("option dontlog-normal")
def normal_not_logged(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("option dontlog-normal", "balance roundrobin", "retries 2", "option redispatch", servers=2, target="closed")
def dontlog_normal_redispatched(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("option dontlog-normal", target="late")
def dontlog_normal_retried(g):
    time.sleep(T); g.back.listen(); c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("option log-separate-errors", target="late")
def separate_errors_retried(g):
    time.sleep(T); g.back.listen(); c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("option log-separate-errors")
def separate_errors_normal(g):
    c, s = g.meet(); c.close(); eof(s); s.close()
@scenario("option log-separate-errors")
def separate_errors_reset(g):
    c, s = g.meet(); reset(c); eof(s)
@scenario("option log-separate-errors", "timeout client 300")
def separate_errors_timeout(g):
    c, s = g.meet(); eof(s)
@scenario("option log-separate-errors", "balance roundrobin", "retries 2", "option redispatch", servers=2, target="closed")
def separate_errors_redispatched(g):
    c, s = g.meet(); c.close(); eof(s); s.close()


def main():
    log = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    log.bind(("127.0.0.1", 0))
    work = tempfile.mkdtemp()
    admin = os.path.join(work, "admin")
    keep, fronts, backs, text = [], {}, {}, []
    text += ["global", f" log 127.0.0.1:{log.getsockname()[1]} local0", f" stats socket {admin} level admin", " maxconn 1000",
             "defaults", " log global", " mode tcp",
             " timeout connect 5s", " timeout client 20s", " timeout server 20s"]
    for name, options, server, servers, target, _ in SCENARIOS:
        front, back = listener(), bound() if target == "late" else listener()
        first = back.getsockname()[1]
        if target == "closed":
            s = bound(); first = s.getsockname()[1]; keep.append(s)
        if target == "full":
            s = listener(0); first = s.getsockname()[1]; keep.append(s)
            for _ in range(3):
                k = socket.socket(); k.setblocking(False); k.connect_ex(("127.0.0.1", first)); keep.append(k)
        fronts[name], backs[name] = front, back
        os.set_inheritable(front.fileno(), True)
        text += [f"listen {name}", f" bind fd@{front.fileno()}"] + [" " + o for o in options]
        text += [" option tcplog"] * (name != "without_tcplog")
        text += [f" server s1 127.0.0.1:{first} {server}"]
        # With three, both closed ones must be tried before the third, whichever of them a hash picks.
        if servers == 3:
            text += [f" server s2 127.0.0.1:{first}"]
        if servers > 1:
            text += [f" server s{servers} 127.0.0.1:{back.getsockname()[1]}"]
    conf = os.path.join(work, "haproxy.cfg")
    with open(conf, "w") as f:
        f.write("\n".join(text) + "\n")
    proxy = subprocess.Popen(["haproxy", "-db", "-f", conf], pass_fds=[f.fileno() for f in fronts.values()],
                             stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 5
        while not os.path.exists(admin):
            if proxy.poll() is not None or time.monotonic() > give_up:
                sys.exit(f"haproxy did not start: haproxy -c -f {conf}")
            time.sleep(0.02)
        threads = [threading.Thread(target=p, args=(Game(fronts[n], backs[n], admin),), daemon=True)
                   for n, _, _, _, _, p in SCENARIOS]
        for t in threads: t.start()
        end = time.monotonic() + 12
        for t in threads: t.join(max(0, end - time.monotonic()))
        log.settimeout(1)
        lines = []
        try:
            while True: lines.append(log.recv(2048).decode())
        except TimeoutError:
            pass
    finally:
        proxy.kill(); proxy.wait()
        shutil.rmtree(work)
    show(lines)


def show(lines):
    lines = [line.strip() for line in lines]
    of = {n: next((l for l in lines if re.search(rf"[ (]{n}[ /]", l) and "Server" not in l and "proxy " not in l), None)
          for n, *_ in SCENARIOS}
    if sys.argv[1:] == ["raw"]:
        for name, line in of.items():
            m = line and re.match(r"<(\d+)>.*?\]: (.*)", line)
            print(f"{name}\t{m[1]}\t{m[2]}" if m else f"{name}\t-\t-")
        return
    form = re.compile(r"\] (\S+) \S+/(\S+) (-?\d+)/(-?\d+)/(\d+) \d+ (\S\S) \S+/(\+?\d+) \d+/\d+$")
    step = lambda ms: str(round(int(ms) / 100) * 100) if int(ms) >= 0 else ms
    print("# scenario\tflags\tTw\tTc\tTt\tretries\tserver")
    for name, line in of.items():
        if m := line and form.search(line):
            print("\t".join([name, m[6], step(m[3]), step(m[4]), step(m[5]), m[7], m[2]]))


main()
