#!/usr/bin/env python3
"""Captures that cost more than they should, where something is searched one by one: hostile.py KIND N FOLDER.

Prints the files, and how many packets (or blocks) they hold. tests/hostile.test compares what N and 4 N cost.
"""
import os
import struct
import sys

SYN, FIN, RST, PSH, ACK = 2, 1, 4, 8, 16


def packet(src, dst, sport, dport, seq, ack, flags, data=b""):
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xffffffff, ack & 0xffffffff, 0x50, flags, 65535, 0, 0) + data
    return struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, src, dst) + tcp


class Pcap:
    def __init__(self, path):
        self.file, self.count = open(path, "wb"), 0
        self.file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))

    def add(self, us, data):
        self.file.write(struct.pack("<IIII", us // 1000000, us % 1000000, len(data), len(data)) + data)
        self.count += 1


def address(n):
    return bytes((10, n >> 16 & 255, n >> 8 & 255, n & 255))


SERVER = bytes((192, 0, 2, 1))


class Connection:
    def __init__(self, pcap, n, us, port=80):
        self.pcap, self.client, self.port, self.dport = pcap, address(n >> 12), 1024 + (n & 4095), port
        pcap.add(us, packet(self.client, SERVER, self.port, port, 999, 0, SYN))
        pcap.add(us + 1, packet(SERVER, self.client, port, self.port, 4999, 1000, SYN | ACK))
        pcap.add(us + 2, packet(self.client, SERVER, self.port, port, 1000, 5000, ACK))

    def up(self, us, seq, ack, data=b"", flags=PSH | ACK):
        self.pcap.add(us, packet(self.client, SERVER, self.port, self.dport, 1000 + seq, 5000 + ack, flags, data))

    def down(self, us, seq, ack, data=b"", flags=PSH | ACK):
        self.pcap.add(us, packet(SERVER, self.client, self.dport, self.port, 5000 + seq, 1000 + ack, flags, data))


def runs(n, folder):
    """Bytes behind a hole that is never filled, in no order: 4,096 runs of each connection, as many as are kept."""
    pcap = Pcap(folder + "/runs.pcap")
    for c in range(max(1, n // 4096)):
        connection = Connection(pcap, c, c * 10)
        for i in range(min(n, 4096)):
            connection.up(100000 + i * 3 + c, 10 + (i * 2654435761 % 4096) * 20, 0, b"x")
    return [pcap]


def requests(n, folder):
    """Requests that wait, and responses that nobody asked for, on one connection."""
    pcap = Pcap(folder + "/requests.pcap")
    connection = Connection(pcap, 1, 0)
    request, response = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"
    for i in range(n // 2):
        connection.up(1000 + 20 * i, i * len(request), 0, request)
    for i in range(n // 2):
        connection.down(1000 + 20 * (n // 2 + i), i * len(response), n // 2 * len(request), response)
    return [pcap]


def frame(kind, flags, stream, body=b""):
    return struct.pack(">I", len(body))[1:] + bytes((kind, flags)) + struct.pack(">I", stream) + body


def streams(n, folder):
    """Streams of HTTP/2 that stay open, and frames of the oldest and the newest in turn."""
    pcap = Pcap(folder + "/streams.pcap")
    connection = Connection(pcap, 1, 0)
    begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0)
    connection.up(100, 0, 0, begin)
    sent, got = len(begin), 0
    for i in range(n // 2):
        head = frame(1, 4, 2 * i + 1, b"\x82\x84\x86\x41\x01a")
        connection.up(200 + 20 * i, sent, 0, head)
        sent += len(head)
    for i in range(n // 2):
        answer = frame(1, 4, n - 1 if i % 2 else 1, b"\x88")
        connection.down(200 + 20 * (n // 2 + i), got, sent, answer)
        got += len(answer)
    return [pcap]


def connections(n, folder):
    """Connections that open and stay."""
    pcap = Pcap(folder + "/connections.pcap")
    for c in range(n // 4):
        Connection(pcap, c, c * 10).up(c * 10 + 3, 0, 0, b"GET / HTTP/1.1\r\n")
    return [pcap]


def refused(n, folder):
    """Connections that are refused, each by a server of its own."""
    pcap = Pcap(folder + "/refused.pcap")
    for c in range(n // 2):
        server = bytes((198, 18 + (c >> 16 & 1), c >> 8 & 255, c & 255))
        pcap.add(c * 10, packet(address(1), server, 1024 + c % 60000, 80, 999, 0, SYN))
        pcap.add(c * 10 + 1, packet(server, address(1), 80, 1024 + c % 60000, 0, 1000, RST | ACK))
    return [pcap]


def reuse(n, folder):
    """One pair of ports, again and again."""
    pcap = Pcap(folder + "/reuse.pcap")
    for c in range(n // 5):
        connection = Connection(pcap, 1, c * 100000)
        connection.up(c * 100000 + 10, 0, 0, b"", FIN | ACK)
        connection.down(c * 100000 + 11, 0, 1, b"", RST | ACK)
    return [pcap]


def files(n, folder):
    """Files that overlap in time, ten packets each."""
    pcaps = []
    for f in range(max(1, n // 10)):
        pcap = Pcap("%s/%05d.pcap" % (folder, f))
        for i in range(10):
            pcap.add(i * 1000000 + f, packet(address(f), SERVER, 1024, 80, 1000 + i, 0, ACK, b"x"))
        pcaps.append(pcap)
    return pcaps


class Blocks:
    """A pcapng file."""
    def __init__(self, path):
        self.file, self.count = open(path, "wb"), 0
        self.block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))

    def block(self, kind, body):
        self.file.write(struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12))
        self.count += 1


def interfaces(n, folder):
    """Interfaces, and statistics of each."""
    blocks = Blocks(folder + "/interfaces.pcapng")
    for _ in range(n // 2):
        blocks.block(1, struct.pack("<HHI", 101, 0, 65535))
    for i in range(n // 2):
        blocks.block(5, struct.pack("<IIIHHQHH", i, 0, 0, 5, 8, 0, 0, 0))
    return [blocks]


KINDS = {f.__name__: f for f in (runs, requests, streams, connections, refused, reuse, files, interfaces)}

if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] not in KINDS:
        sys.exit(__doc__ + "\nKINDs: " + " ".join(KINDS))
    os.makedirs(sys.argv[3], exist_ok=True)
    made = KINDS[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
    for one in made:
        one.file.close()
    print(sum(one.count for one in made), *(one.file.name for one in made))
