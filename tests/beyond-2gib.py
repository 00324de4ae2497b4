#!/usr/bin/env python3
"""Writes captures of one connection that carries 3 GB one way: sequence numbers wrap past their middle. The
packets are cut by the snap length, so the files stay small.

    beyond-2gib.py upload|upload-again|upload-cut|truncated-by-reset FILE
"""
import struct
import sys

CLIENT, SERVER = (0x0A000001, 40000), (0x0A000002, 80)
TOTAL = 3 * 10**9
SEGMENT = 65000


class Capture:
    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 101))
        self.now = 10**18
        self.next = {CLIENT: 1000, SERVER: 5000}

    def send(self, source, target, flags, payload=b"", cut=0, after=10_000):
        """payload is captured; cut: so many bytes that were not."""
        self.now += after
        bits = sum({"F": 1, "S": 2, "R": 4, "P": 8, ".": 16}[flag] for flag in flags)
        acks = self.next[target] if "." in flags else 0
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], self.next[source] & 0xFFFFFFFF, acks & 0xFFFFFFFF, 0x50,
                          bits, 65535, 0, 0) + payload
        length = 20 + len(tcp) + cut
        packet = struct.pack(">BBHHHBBHII", 0x45, 0, length, 0, 0x4000, 64, 6, 0, source[0], target[0]) + tcp
        self.file.write(struct.pack("<IIII", self.now // 10**9, self.now % 10**9, len(packet), length) + packet)
        self.next[source] += len(payload) + cut + ("S" in flags) + ("F" in flags)


def main(kind, path):
    capture = Capture(path)
    upload = kind.startswith("upload")
    sender, receiver = (CLIENT, SERVER) if upload else (SERVER, CLIENT)
    capture.send(CLIENT, SERVER, "S")
    capture.send(SERVER, CLIENT, "S.", after=1_000_000)
    capture.send(CLIENT, SERVER, ".")
    announced = b"Content-Length: %d\r\n\r\n" % TOTAL
    capture.send(CLIENT, SERVER, "P.", b"PUT /f HTTP/1.1\r\nHost: a\r\n" + announced if upload
                 else b"GET /f HTTP/1.1\r\nHost: a\r\n\r\n")
    if not upload:
        capture.send(SERVER, CLIENT, "P.", b"HTTP/1.1 200 OK\r\n" + announced)
    left = TOTAL if kind in ("upload", "upload-again") else TOTAL - 10 * SEGMENT
    while left > 0:
        size = min(left, SEGMENT)
        left -= size
        capture.send(sender, receiver, ".", cut=size)
        capture.send(receiver, sender, ".")
    if kind in ("upload", "upload-again"):
        capture.send(SERVER, CLIENT, "P.", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", after=1_000_000)
        capture.send(CLIENT, SERVER, "F.")
        if kind == "upload-again":  # the last bytes, behind the FIN
            capture.next[CLIENT] -= 5001
            capture.send(CLIENT, SERVER, ".", cut=5000, after=300_000_000)
            capture.next[CLIENT] += 1
        capture.send(SERVER, CLIENT, "F.", after=1_000_000)
        capture.send(CLIENT, SERVER, ".")
    elif kind == "upload-cut":
        capture.send(SERVER, CLIENT, "F.")
        capture.send(CLIENT, SERVER, "F.", after=1_000_000)
        capture.send(SERVER, CLIENT, ".")
    else:
        capture.send(SERVER, CLIENT, "R.")


main(*sys.argv[1:])
