"""Events, packets, the path between two hosts, and capture points on it.

A packet carries sequence and ACK numbers relative to the initial numbers of its connection; they become
absolute where it is rendered. A path has a constant one-way delay; noise that is real (loss, reordering)
happens at a place on it, so each capture point sees what had happened before the packet came by.
"""
import heapq
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CLIENT, SERVER = 0, 1
POINTS = ("client", "between", "server")
START = 1767571200  # 2026-01-05T00:00:00Z


class Sim:
    """A clock and what is due. An event is a list, so that `cancel` can empty it."""

    def __init__(self):
        self.now, self.due, self.count = 0.0, [], 0

    def after(self, delay, call, *args):
        self.count += 1
        event = [self.now + delay, self.count, call, args]
        heapq.heappush(self.due, event)
        return event

    def run(self, until=1e9):
        due = self.due
        while due and due[0][0] <= until:
            at, _, call, args = heapq.heappop(due)
            if call:
                self.now = at
                call(*args)


def cancel(event):
    if event:
        event[2] = None


class Packet:
    __slots__ = ("end", "flags", "seq", "ack", "win", "payload", "options", "ident", "ttl", "numbers")

    def __init__(self, end, flags, seq, ack, win=0, payload=b"", options=b"", ident=0, ttl=64, numbers=None):
        self.end, self.flags, self.seq, self.ack, self.win = end, flags, seq, ack, win
        self.payload, self.options, self.ident, self.ttl = payload, options, ident, ttl
        self.numbers = numbers  # absolute ones, where they are not the connection's


def checksum(data):
    total = int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big") % 65535
    return 65535 - total if total else 65535 * (not any(data))


def render(conn, p, hops):
    """Ethernet, IPv4 and TCP, as seen `hops` routers after the sender."""
    if p.numbers:
        seq, ack = p.numbers
    else:
        seq = conn.iss[p.end] + p.seq & 0xFFFFFFFF
        ack = conn.iss[1 - p.end] + p.ack & 0xFFFFFFFF if p.flags & ACK else 0
    head = 20 + len(p.options)
    size = head + len(p.payload)
    source, target = conn.ip[p.end], conn.ip[1 - p.end]
    tcp = struct.pack("!HHIIBBHHH", conn.port[p.end], conn.port[1 - p.end], seq, ack, head << 2, p.flags,
                      p.win, 0, 0) + p.options + p.payload
    pseudo = source + target + struct.pack("!HH", 6, size & 0xFFFF)
    tcp = b"".join((tcp[:16], struct.pack("!H", checksum(pseudo + tcp)), tcp[18:]))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, p.ident, 0x4000, p.ttl - hops, 6, 0) + source + target
    ip = b"".join((ip[:10], struct.pack("!H", checksum(ip)), ip[12:]))
    macs = b"\2\0\0\0\0\2\2\0\0\0\0\1" if p.end == CLIENT else b"\2\0\0\0\0\1\2\0\0\0\0\2"
    return b"".join((macs, b"\x08\0", ip, tcp))


class Path:
    """Between the two ends of one connection. `drop(packet, now)` may say where on the way (0: at the
    sender, 1: at the receiver) a packet is lost; None: it is not."""

    def __init__(self, sim, conn, rtt, hops, noise, rng):
        self.sim, self.conn, self.delay, self.hops, self.noise, self.rng = sim, conn, rtt / 2, hops, noise, rng
        self.drop = None
        self.middle = rng.uniform(0.3, 0.7)
        self.where = (0.0, self.middle, 1.0)  # of the capture points, from the client

    def send(self, p, place=None):
        """`place`: where it starts, from the client's end, if something on the path made it."""
        noise, rng = self.noise, self.rng
        lost = self.drop(p, self.sim.now) if self.drop else None
        if lost is None and noise.loss and rng.random() < noise.loss:
            lost = rng.random()
        late, late_from = 0.0, 2.0
        if noise.reorder and rng.random() < noise.reorder:
            late, late_from = rng.uniform(0.00005, 0.003), rng.random()
        start = 0.0 if place is None else place if p.end == CLIENT else 1 - place
        for point in range(3):
            way = self.where[point] if p.end == CLIENT else 1 - self.where[point]
            if lost is not None and way > lost:
                self.conn.taps[point].passed_by += lost >= 0
            if way < start or lost is not None and way > lost:
                continue
            at = self.sim.now + (self.delay * (way - start) + (late if way > late_from else 0))
            self.conn.taps[point].see(self.conn, p, at, int(self.hops * (way - start) + 0.5))
        if lost is None:
            self.sim.after(self.delay * (1 - start) + late, self.conn.deliver, p)


class Tap:
    """A capture point of one connection: applies what captures do to packets, and remembers what of the
    connection it did not keep."""

    def __init__(self, noise, rng, out, begin, only):
        self.noise, self.rng, self.out, self.begin, self.only = noise, rng, out, begin, only
        self.first = self.last = None
        self.missing, self.cut = 0, 0
        self.passed_by = 0  # packets that were lost before they came here

    def see(self, conn, p, at, hops):
        noise, rng = self.noise, self.rng
        if at < self.begin or self.only not in (None, p.end) or noise.missing and rng.random() < noise.missing:
            self.missing += 1
            return
        frame = render(conn, p, hops)
        size = len(frame)
        if noise.snap and size > noise.snap:
            frame = frame[:noise.snap]
            if p.payload:
                self.cut += 1
        if noise.swap and rng.random() < noise.swap:
            at += rng.uniform(0, 0.0001)
        self.out(at, size, frame)
        if noise.duplicate and rng.random() < noise.duplicate:
            later = rng.uniform(0.000001, noise.lag)
            if later > 0.00005:
                frame = render(conn, p, hops + 1)[:len(frame)]
            self.out(at + later, size, frame)
        if self.first is None:
            self.first = at
        self.last = at


class Pcap:
    """A capture file that is written while the simulation goes on: `flush(until)` writes what is older."""

    def __init__(self, path, snap):
        self.file = open(path, "wb", 1 << 20)
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, snap or 262144, 1))
        self.held, self.count = [], 0

    def add(self, at, size, frame):
        self.count += 1
        heapq.heappush(self.held, (at, self.count, size, frame))

    def flush(self, until):
        held, write = self.held, self.file.write
        while held and held[0][0] < until:
            at, _, size, frame = heapq.heappop(held)
            micros = int(at * 1e6)
            write(struct.pack("<IIII", START + micros // 1000000, micros % 1000000, len(frame), size))
            write(frame)

    def close(self):
        self.flush(1e18)
        self.file.close()
