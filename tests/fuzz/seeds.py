"""Captures as input of fuzz_talk: seeds.py FOLDER CAPTURE... One file for each connection, its first 16 KiB."""
import os
import struct
import sys

FRONT = {1: 14, 101: 0, 113: 16, 276: 20}  # link types: bytes before IP


def packets(data):
    magic = data[:4]
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    if data[:4] == b"\n\r\r\n":
        at, link = 0, 1
        while at + 12 <= len(data):
            kind, length = struct.unpack_from("<II", data, at)
            if kind == 1:
                link = struct.unpack_from("<H", data, at + 8)[0]
            if kind == 6:
                size = struct.unpack_from("<I", data, at + 20)[0]
                yield link, data[at + 28:at + 28 + size]
            at += max(length, 12)
        return
    link, at = struct.unpack_from(order + "I", data, 20)[0], 24
    while at + 16 <= len(data):
        size = struct.unpack_from(order + "I", data, at + 8)[0]
        yield link, data[at + 16:at + 16 + size]
        at += 16 + size


def segments(data):
    for link, packet in packets(data):
        ip = packet[FRONT.get(link, 14):]
        if len(ip) < 40 or ip[0] >> 4 != 4 or ip[9] != 6:
            continue
        head, total = (ip[0] & 15) * 4, struct.unpack("!H", ip[2:4])[0]
        tcp = ip[head:total]
        if len(tcp) < 20:
            continue
        ports = struct.unpack("!HH", tcp[:4])
        yield (ip[12:16], ports[0]), (ip[16:20], ports[1]), tcp[13], tcp[(tcp[12] >> 4) * 4:]


def main():
    for path in sys.argv[2:]:
        talks, opener = {}, {}
        for source, target, flags, payload in segments(open(path, "rb").read()):
            key = frozenset((source, target))
            opener.setdefault(key, source)
            if not payload and not flags & 1:
                continue
            kind = 16 | (source != opener[key]) | (8 if flags & 1 else 0)
            talks[key] = talks.get(key, b"\x02") + struct.pack("!BH", kind, len(payload)) + payload
        for number, talk in enumerate(list(talks.values())[:3]):
            with open(os.path.join(sys.argv[1], f"{os.path.basename(path)}-{number}"), "wb") as out:
                out.write(talk[:16384])


main()
