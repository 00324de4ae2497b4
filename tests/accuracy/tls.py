"""TLS over a simulated socket: the lengths and the order of records are those of real stacks, their contents are not encrypted.

Scripts use such a socket like a plain one. What its peers do in secret is what hangup has to live with: session tickets
between request and response, alerts that nobody reads any more, messages in several records.
"""
import struct

from net import CLIENT, SERVER
from tcp import RESET, TIMEOUT, Sock, Task

HANDSHAKE, CCS, ALERT, DATA = 22, 20, 21, 23
PAYLOAD, TICKET, NOTIFY = range(3)  # what a record carries: its first byte here, encrypted in the field

# What exchanges inferred from turns, or TCP's numbers, can show. The others ask for messages.
TELLS = {
    "accept-queue-overflow", "client-abort", "client-reset-at-deadline", "client-timeout", "client-vanished", "connect-unanswered",
    "connection-lifetime-limit", "connection-refused", "fin-answered-late", "fin-wait2-pileup", "injected-reset",
    "keep-alive-margin", "keepalive-probe-timeout", "mtu-black-hole", "peer-unreachable", "port-reuse-in-time-wait",
    "request-fin-race", "request-on-closed-connection", "retransmission-stall", "server-closed-without-response",
    "server-idle-timeout", "silent-idle-drop", "shutdown-burst",
}


# What cannot be told apart without keys: by scenario, what hangup may say as well, or instead.
ALIKE = {
    "announced-close-late": {"server-idle-timeout"},
    "stalled-request-head": {"server-closed-without-response", "server-idle-timeout"},
    "request-cut-by-server": {"server-closed-without-response", "server-idle-timeout"},
    "fin-unanswered": {"peer-unreachable"},  # the alert before the FIN is data, and repeated as well
    "mtu-black-hole": {"peer-unreachable", "tls-handshake-failed", "unused-connection"},  # a hello or certificate that does not fit
    "client-vanished": {"mtu-black-hole"},   # none so large had passed
    "tunnel-idle-timeout": {"server-idle-timeout"},
    "response-truncated": {"shutdown-burst"},
    "request-fin-race-first": {"connection-lifetime-limit"},  # the handshake delays it, so that it is no race
}


def record(kind, body):
    return struct.pack("!BBBH", kind, 3, 3, len(body)) + body


def extension(number, body):
    return struct.pack("!HH", number, len(body)) + body


def part(body, size=2):
    return len(body).to_bytes(size, "big") + body


def client_hello(rng, alpn, version_13):
    name = part(b"\0" + part(b"shop.example"))
    parts = [extension(0, name), extension(10, bytes(8)), extension(13, bytes(20)), extension(0x0A0A, b"")]
    if alpn:
        parts.append(extension(16, part(b"".join(part(p, 1) for p in alpn))))
    if version_13:
        parts += [extension(43, b"\x04\x03\x04\x03\x03"), extension(51, bytes(rng.choice((38, 1254))))]
    rng.shuffle(parts)
    body = b"\x03\x03" + bytes(32) + part(bytes(32), 1) + part(bytes(34)) + b"\x01\0" + part(b"".join(parts))
    return record(HANDSHAKE, b"\x01" + part(body, 3))


def server_hello(version_13, alpn, suite):
    parts = [extension(43, b"\x03\x04"), extension(51, bytes(36))] if version_13 else []
    if alpn and not version_13:
        parts.append(extension(16, part(part(alpn, 1))))
    body = b"\x03\x03" + bytes(32) + part(bytes(32), 1) + suite + b"\0" + part(b"".join(parts))
    return record(HANDSHAKE, b"\x02" + part(body, 3))


class Session:
    """What the two ends of a connection agree on."""

    def __init__(self, rng, http=True):
        self.rng, self.version_13 = rng, rng.random() < 0.7
        self.packs = rng.random() < 0.15  # JDK: its flight in one record, one ticket after the first request
        self.pads = (rng.random() < 0.2, self.packs)  # JDK: 16 bytes more in handshake messages and alerts of TLS 1.3
        self.alpn = rng.choice(((), (b"http/1.1",), (b"h2", b"http/1.1")))
        if self.packs:
            self.alpn = self.alpn[-1:]
        if not http:
            self.alpn = ()
        self.chosen = self.alpn[-1] if self.alpn else b""
        self.resumed = rng.random() < 0.3
        self.sha_384 = rng.random() < 0.5
        self.finished = 4 + (48 if self.sha_384 else 32) + 17
        self.tickets = 1 if self.packs else rng.choice((0, 1, 2, 2))
        self.one_ticket = self.tickets == 1 and self.version_13  # behind the first request it may be a response
        self.ticket = 1077 if self.packs else rng.choice((82, 250, 266, 284, 719))
        self.client_cert = rng.random() < 0.1 and not self.resumed
        self.hello = client_hello(rng, self.alpn, self.version_13)
        self.server_flight = server_hello(self.version_13, self.chosen, b"\x13\x02" if self.sha_384 else b"\x13\x01") + (self.flight_13() if self.version_13 else self.flight_12())
        self.client_flight = self.answer()
        self.last_flight = b"" if self.version_13 else record(CCS, b"\1") + record(HANDSHAKE, bytes(40))
        if not self.version_13 and self.resumed:  # the server finishes first
            self.server_flight += self.last_flight
            self.last_flight = b""

    def flight_13(self):
        extensions = {b"": 23, b"http/1.1": 38}[self.chosen] + 4 * (self.rng.random() < 0.5)
        rest = [] if self.resumed else [self.rng.randint(900, 4000), self.rng.choice((96, 281))]
        if self.packs:
            return record(CCS, b"\1") + record(DATA, bytes(extensions + sum(rest) + self.finished + self.padding(SERVER)))
        return record(CCS, b"\1") + b"".join(record(DATA, bytes(n)) for n in [extensions, *rest, self.finished])

    def flight_12(self):
        return b"" if self.resumed else record(HANDSHAKE, bytes(self.rng.randint(900, 4000))) + record(HANDSHAKE, bytes(300)) + \
            record(HANDSHAKE, bytes(4))

    def answer(self):
        if self.version_13:
            cert = record(DATA, bytes(1100)) + record(DATA, bytes(281)) if self.client_cert else b""
            return record(CCS, b"\1") + cert + record(DATA, bytes(self.finished + self.padding(CLIENT)))
        exchange = b"" if self.resumed else record(HANDSHAKE, bytes(70))
        return exchange + record(CCS, b"\1") + record(HANDSHAKE, bytes(40))

    def padding(self, end):
        return 16 if self.version_13 and self.pads[end] else 0

    def seal(self, end, kind, data):
        """A record as long as AES-GCM makes it."""
        if self.version_13:
            return record(DATA, bytes((kind,)) + data + bytes(16 + (self.padding(end) if kind != PAYLOAD else 0)))
        return record(ALERT if kind == NOTIFY else DATA, bytes((kind,)) + bytes(7) + data + bytes(16))

    def open(self, body):
        return body[0], body[1:-16] if self.version_13 else body[8:-16]


class TlsSock(Sock):
    def __init__(self, conn, end, rng, **how):
        super().__init__(conn, end, rng, **how)
        self.session, self.raw, self.app = conn.session, bytearray(), bytearray()
        self.secured = self.told = self.ended = self.notified = False
        self.wrote_at = 0.0
        self.notifies = rng.random() < 0.6      # Go, OpenSSL, nginx; the others send a FIN alone
        self.waits = self.notifies and rng.random() < 0.25  # for the peer's close_notify, before its own FIN
        self.splits = rng.random() < 0.4        # head and body in records of their own
        self.largest = rng.choice((1300, 4096, 16384))

    # ---- the handshake

    def raw_until(self, size):
        while len(self.raw) < size:
            data = yield from super().read(None)
            if not data or isinstance(data, str):
                return False
            self.raw += data
        del self.raw[:size]
        return True

    def connect(self, timeout=None):
        if not (yield from super().connect(timeout)):
            return False
        s = self.session
        super().write(s.hello)
        if not (yield from self.raw_until(len(s.server_flight))):
            return self.state == "open"
        super().write(s.client_flight)
        if s.last_flight and not (yield from self.raw_until(len(s.last_flight))):
            return self.state == "open"
        self.secured = True
        return self.state == "open"

    def accept(self):
        s = self.session
        if not (yield from self.raw_until(len(s.hello))):
            return False
        yield self.rng.uniform(0.0002, 0.003)
        super().write(s.server_flight)
        if not (yield from self.raw_until(len(s.client_flight))):
            return False
        if s.last_flight:
            super().write(s.last_flight)
        self.secured = True
        if s.version_13 and not s.packs:
            self.send_tickets()
        return True

    def send_tickets(self):
        size = self.session.ticket - 17
        tickets = b"".join(self.session.seal(self.end, TICKET, bytes(size)) for _ in range(self.session.tickets))
        self.session.tickets = 0
        super().write(tickets)

    # ---- what scripts call

    def readable(self):
        self.decode()
        return bool(self.app) or super().readable()

    def read(self, timeout=None):
        end = None if timeout is None else self.sim.now + timeout
        self.decode()
        while not self.app:
            if self.told and not self.received and not self.ended:
                self.ended = True  # who reads on waits for the FIN
                return b""
            data = yield from super().read(None if end is None else max(end - self.sim.now, 0))
            if not data or isinstance(data, str):
                return data
            self.raw += data
            self.decode()
        data = bytes(self.app)
        self.app.clear()
        if self.session.packs and self.session.version_13 and self.end != CLIENT:
            self.send_tickets()
        return data

    def decode(self):
        while self.secured and len(self.raw) >= 5:
            size = int.from_bytes(self.raw[3:5], "big")
            if len(self.raw) < 5 + size:
                return
            body = bytes(self.raw[5:5 + size])
            del self.raw[:5 + size]
            kind, data = self.session.open(body)
            if kind == PAYLOAD:
                self.app += data
            self.told |= kind == NOTIFY

    def write(self, data):
        self.wrote_at = self.sim.now
        if not self.secured:
            return super().write(data)
        at = data.find(b"\r\n\r\n") + 4
        pieces = [data[:at], data[at:]] if self.splits and at > 3 else [data]
        sealed = b""
        for piece in pieces:
            for i in range(0, len(piece), self.largest):
                sealed += self.session.seal(self.end, PAYLOAD, piece[i:i + self.largest])
        return super().write(sealed)

    def notify(self):
        if self.secured and self.notifies and not self.notified and self.state == "open" and not self.fin_wanted:
            self.notified = True
            super().write(self.session.seal(self.end, NOTIFY, bytes(2)))

    def shutdown(self):
        self.notify()
        super().shutdown()

    def close(self):
        if self.state == "open" and not self.orphan:
            # A close that soon may belong to the response: who can see where that ends?
            if self.end != CLIENT and self.sim.now - self.wrote_at <= max(0.05, self.conn.rtt):
                self.conn.blind = set(range(len(self.conn.taps)))
            self.notify()
            if self.waits and self.notified and not self.peer_fin:
                self.waits = False
                Task(self.sim, self.close_later())
                return
        super().close()

    def close_later(self):
        yield self.conn.rtt + 0.001
        self.received.clear()
        super().close()


def served(conn, script):
    """The server's script, behind the handshake."""
    if (yield from conn.server.accept()):
        yield from script(conn.server, conn)
    else:
        conn.server.close()


__all__ = ["ALIKE", "RESET", "TELLS", "TIMEOUT", "Session", "TlsSock", "served"]
