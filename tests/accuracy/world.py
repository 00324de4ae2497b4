"""Connections, episodes and noise.

An episode is a handful of connections of one scenario between its own hosts. It is simulated on its own,
with its own seed, and its packets are merged with those of others by time.
"""
import dataclasses
import random
import re

from net import CLIENT, SERVER, Path, Sim, Tap
from tcp import RESET, TIMEOUT, Sock, Task
from tls import ALIKE, TELLS, Session, TlsSock, served

EOF = "eof"


@dataclasses.dataclass(frozen=True)
class Noise:
    """What happens to packets on the way and at the capture point: chances, unless said otherwise."""
    reorder: float = 0      # real: a packet is overtaken
    loss: float = 0         # real: lost on the path, so sent again
    duplicate: float = 0    # captured twice
    lag: float = 0.00005    # the second time up to so much later, and one router further if that is more
    swap: float = 0         # written late, so behind packets of the next 100 us (queues of a card)
    missing: float = 0      # not captured
    one_way: float = 0      # only one direction of a connection is captured
    midstream: float = 0    # the capture begins after the connection
    probes: bool = False    # keep-alive probes from both ends after a second or a few
    zero: bool = False      # readers that fall behind for less than a second
    reuse: bool = False     # few client ports
    offload: bool = False   # segments of 64 KB
    mix: bool = False       # a few connections with the anomaly among healthy ones of the same client and server
    fleet: bool = False     # the same, and each of many clients makes but a few
    snap: int = 0           # bytes of a packet that are captured
    tls: bool = False       # everything is said within TLS


NOISES = {
    "none": Noise(),
    "reordering": Noise(reorder=0.02),
    "retransmission": Noise(loss=0.01),
    "capture-order": Noise(swap=0.02),
    "duplicated": Noise(duplicate=0.3),
    "mirrored": Noise(duplicate=1, lag=0.001),
    "missing": Noise(missing=0.01),
    "one-direction": Noise(one_way=0.3),
    "probes": Noise(probes=True),
    "zero-window": Noise(zero=True),
    "mid-stream": Noise(midstream=0.3),
    "port-reuse": Noise(reuse=True),
    "offload": Noise(offload=True),
    "mixed": Noise(mix=True),
    "fleet": Noise(mix=True, fleet=True),
    "snap-96": Noise(snap=96),
    "tls": Noise(tls=True),
    "tls-all": Noise(tls=True, reorder=0.01, loss=0.005, duplicate=0.1, missing=0.002, midstream=0.1, probes=True, zero=True,
                     reuse=True, offload=True),
    "all": Noise(reorder=0.01, loss=0.005, duplicate=0.1, missing=0.002, midstream=0.1, probes=True, zero=True,
                 reuse=True, offload=True),
    "all-snap-96": Noise(reorder=0.01, loss=0.005, duplicate=0.1, missing=0.002, midstream=0.1, probes=True,
                         zero=True, reuse=True, offload=True, snap=96),
}


class Conn:
    """One connection: two sockets, a path, three capture points, and the truth about it."""

    def __init__(self, episode, name, client, server, port, rtt, must, may):
        rng = episode.rng
        self.episode, self.sim, self.name, self.rtt = episode, episode.sim, name, rtt
        self.must, self.may = set(must), set(may)
        self.tls = episode.noise.tls
        if self.tls:
            self.session = Session(random.Random(rng.randrange(1 << 40)))
        self.ip, self.port = (client, server[0]), (port, server[1])
        self.iss = [episode.isn(client, port, server, end) for end in (CLIENT, SERVER)]
        self.mss = 63712 if episode.noise.offload else 1448
        self.taps, self.begin = None, 0.0
        hops = 0 if rtt < 0.0004 else rng.randrange(1, 15)
        self.path = Path(self.sim, self, rtt, hops, episode.noise, rng)
        keep = (rng.uniform(1, 5), rng.uniform(1, 5), 9) if episode.noise.probes else None
        self.slow_reader = episode.noise.zero and rng.random() < 0.5
        kind = TlsSock if self.tls else Sock
        self.client = kind(self, CLIENT, rng, keep_alive=keep, quick=rng.random() < 0.5,
                           buffer=16384 if self.slow_reader else 262144)
        self.server = kind(self, SERVER, rng, keep_alive=keep, quick=rng.random() < 0.5)
        self.server.state = "listen"
        self.script = None  # of the server
        self.accepts = lambda packet: True
        self.requests = 0
        self.over = None
        self.healthy = False
        self.blind = set()  # capture points from which the anomaly cannot be seen
        self.answered = self.sim.now
        self.server_input = None

    def speaks_no_http(self):
        """Nobody offers it within TLS."""
        if self.tls:
            self.session = Session(random.Random(self.episode.rng.randrange(1 << 40)), http=False)
            self.client.session = self.server.session = self.session

    def deliver(self, p):
        if p.end == CLIENT:
            (self.server_input or self.server.input)(p)
        else:
            self.client.input(p)

    def accepted(self):
        Task(self.sim, served(self, self.script) if self.tls else self.script(self.server, self))

    def truth(self):
        """Where no rule must be told and none that is more than information may be: healthy."""
        client, server = (".".join(map(str, ip)) for ip in self.ip)
        if self.episode.noise.snap:  # heads are cut as well
            self.may |= ALIKE.get(self.name, set())
        if self.tls:
            self.may |= self.must - TELLS | ALIKE.get(self.name, set())
            self.must &= TELLS
            if self.session.one_ticket:
                self.blind = set(range(len(self.taps)))
        return {"name": self.name, "address": (client, self.port[CLIENT], server, self.port[SERVER]),
                "must": self.must, "may": self.may, "healthy": self.healthy, "blind": self.blind,
                "taps": [{"first": tap.first, "last": tap.last, "missing": tap.missing + tap.passed_by,
                          "cut": tap.cut} for tap in self.taps]}


class Episode:
    def __init__(self, number, start, seed, noise, outs):
        self.rng, self.noise, self.number, self.start = random.Random(seed), noise, number, start
        self.tap_rng = random.Random(seed ^ 0x5EED)
        self.sim, self.outs = Sim(), outs
        self.sim.now, self.until = start, start + 8000
        self.rtt = 10 ** self.rng.uniform(-4, -1.0969)  # 0.1 to 80 ms
        self.conns, self.ports, self.healthy = [], {}, False
        self.port_base = self.rng.randrange(32768, 60000)
        self.server_ip = bytes((10, 200 + (number >> 16), number >> 8 & 255, number & 255))
        self.server_port = self.rng.choice((80, 8080, 3000, 8000, 4040))
        self.isn_key = self.rng.randrange(1 << 32)
        self.fleet = 1  # clients that a scenario's connections are spread over

    def times(self, count, gap=0.7):
        """When `count` connections begin."""
        at, times = 0.0, []
        for _ in range(count):
            times.append(at)
            at += self.rng.expovariate(1 / gap)
        return times

    def client_ip(self, which=0):
        return bytes((10, 10 + which, self.number >> 8 & 255, self.number & 255))

    def isn(self, client, port, server, end):
        """As Linux makes them: a hash of the addresses and a clock of 64 ns."""
        return random.Random(f"{self.isn_key} {client} {port} {server} {end}").randrange(1 << 32) \
            + int(self.sim.now * 15625000) & 0xFFFFFFFF

    def take_port(self, client):
        """The next free one. With the noise of reused ports, one that a connection has left."""
        if self.noise.reuse:
            for conn in self.conns:
                if conn.ip[0] == client and not conn.over and conn.client.state in ("closed", "time_wait") and \
                        conn.server.state in ("closed", "time_wait") and conn.taps and \
                        self.sim.now > max(tap.last or 0 for tap in conn.taps) + 1.5:
                    conn.over = True
                    return conn.port[CLIENT]
        self.ports[client] = self.ports.get(client, -1) + 1
        return 32768 + (self.port_base + self.ports[client] - 32768) % 28232

    def open(self, client, server, *, at=0.0, must=(), may=(), which=0, port=None, name=None, set_up=None):
        """A connection at `at`: two scripts, called with their socket and the connection."""
        self.sim.after(self.start + at - self.sim.now, self.begin, client, server, must, may, which, port, name, set_up)

    def begin(self, client, server, must, may, which, port, name, set_up):
        ip = self.client_ip(100 + self.rng.randrange(self.fleet) if self.fleet > 1 and which == 0 else which)
        conn = Conn(self, name or self.name, ip, (self.server_ip, self.server_port), port or self.take_port(ip), self.rtt,
                    must, may)
        rng, noise = self.tap_rng, self.noise
        begin = self.sim.now + rng.uniform(conn.rtt / 2, 4.0) if noise.midstream and rng.random() < noise.midstream else 0.0
        only = rng.randrange(2) if noise.one_way and rng.random() < noise.one_way else None
        conn.taps = [Tap(noise, random.Random(rng.randrange(1 << 40)), out, begin, only) for out in self.outs]
        conn.script = server
        conn.healthy = self.healthy
        if set_up:
            set_up(conn)
        self.conns.append(conn)
        Task(self.sim, self.connected(conn, client))

    def connected(self, conn, client):
        if (yield from conn.client.connect()):
            yield from client(conn.client, conn)


# ---- HTTP

FILLER = bytes(97 + (i * 7 + i // 26) % 26 for i in range(1 << 16)) * 20
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.I)


def request(path="/", method="GET", body=None, headers="", version="1.1", host="shop.example"):
    length = "" if body is None else f"Content-Length: {body}\r\n"
    return f"{method} {path} HTTP/{version}\r\nHost: {host}\r\nUser-Agent: demo/1.0\r\n{headers}{length}\r\n".encode() \
        + FILLER[:body or 0]


def response(body=0, status="200 OK", headers="", version="1.1", chunked=False, length=True, server="demo"):
    head = f"HTTP/{version} {status}\r\n" + (f"Server: {server}\r\n" if server else "") + headers
    if chunked:
        parts, left = [], body
        while left > 0:
            size = min(left, 4000)
            parts.append(b"%x\r\n" % size + FILLER[:size] + b"\r\n")
            left -= size
        return (head + "Transfer-Encoding: chunked\r\n\r\n").encode() + b"".join(parts) + b"0\r\n\r\n"
    return (head + (f"Content-Length: {body}\r\n" if length else "") + "\r\n").encode() + FILLER[:body]


def read_message(sock, timeout=None, bodyless=False, interim=False):
    """The head of the next message when all of it is there; or EOF, RESET, TIMEOUT."""
    end, inbox, head, need = None if timeout is None else sock.sim.now + timeout, sock.inbox, None, None
    while True:
        if head is None:
            at = inbox.find(b"\r\n\r\n")
            if at >= 0:
                head = bytes(inbox[:at + 4])
                if head.startswith(b"HTTP/1.1 1") and not interim:
                    del inbox[:at + 4]
                    head = None
                    continue
                need = body_end(inbox, head, bodyless)
        elif need == "chunks":
            need = body_end(inbox, head, bodyless)
        if isinstance(need, int) and len(inbox) >= need:
            del inbox[:need]
            return head
        data = yield from sock.read(None if end is None else max(end - sock.sim.now, 0))
        if data == b"" and need == "eof":
            inbox.clear()
            return head
        if data == b"" or isinstance(data, str):
            return data or EOF
        inbox += data


def body_end(inbox, head, bodyless):
    if bodyless or head[9:12] in (b"101", b"204", b"304", b"100"):
        return len(head)
    length = LENGTH.search(head)
    if length:
        return len(head) + int(length.group(1))
    if b"chunked" in head:
        at = inbox.find(b"0\r\n\r\n", len(head))
        while at > len(head) and inbox[at - 2:at] != b"\r\n":
            at = inbox.find(b"0\r\n\r\n", at + 1)
        return at + 5 if at >= 0 else "chunks"
    return "eof" if head.startswith(b"HTTP") else len(head)


def failed(message):
    return isinstance(message, str)


def exchange(c, conn, text=None, timeout=None, **more):
    """Send a request and read the response. Where readers fall behind, they do it here."""
    conn.requests += 1
    rng = conn.episode.rng
    if conn.slow_reader and rng.random() < 0.5:
        c.write(text or request(f"/{conn.requests}"))
        if not c.readable() and not (yield (c, timeout)):
            return TIMEOUT
        yield rng.uniform(0.05, 0.6)
        if c.window() < c.mss:  # the server's idle time began before its last byte left: not a fixed time on the wire
            conn.may |= conn.must & {"server-idle-timeout"}
            conn.must.discard("server-idle-timeout")
        timeout = None if timeout is None else 1.0
    else:
        c.write(text or request(f"/{conn.requests}"))
    return (yield from read_message(c, timeout, **more))


def serve(s, conn, *, think=None, size=None, idle=None, head=None, answer=None, limit=None, until=None):
    """A server: keep-alive, an idle timer, a timer for the first request, a limit of requests.
    answer(message, n): the whole response. Returns why it ended, the socket still open."""
    rng, n = conn.episode.rng, 0
    while True:
        wait = head if n == 0 else idle
        if until is not None:
            wait = max(until - s.sim.now, 0)
        message = yield from read_message(s, wait)
        if failed(message):
            return message
        n += 1
        yield think() if think else rng.expovariate(1 / 0.02)
        if s.error:
            return RESET
        s.write(answer(message, n) if answer else response(size() if size else draw_size(rng)))
        conn.answered = s.sim.now
        if limit and n >= limit:
            return "limit"


def draw_size(rng):
    return min(int(rng.lognormvariate(7.5, 1.5)), 300000)
