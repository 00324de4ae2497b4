#!/usr/bin/env python3
"""Turn a printed trace of one TCP connection into a capture file.

    trace2pcap.py TRACE OUTPUT.pcap

TRACE is the text output of tcpdump or a packet list exported by Wireshark as CSV; the first
line tells which. What the trace prints is kept. What it does not print is filled in:

  date             1970-01-01
  payload          the printed first line, then headers padded to the printed length
  first sequence   CSV only: Wireshark prints relative numbers
  window scale     tcpdump only, where options are missing: follows from the windows
  link layer       tcpdump text: raw IP; CSV: BSD loopback, as the printed lengths tell
"""

import csv
import math
import re
import socket
import struct
import sys
from dataclasses import dataclass

LINKTYPE_NULL = 0
LINKTYPE_RAW = 101
BSD_AF_INET = struct.pack("<I", 2)

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
FLAG_LETTERS = {"F": FIN, "S": SYN, "R": RST, "P": PSH, ".": ACK}                   # tcpdump
FLAG_NAMES = {"FIN": FIN, "SYN": SYN, "RST": RST, "PSH": PSH, "ACK": ACK}           # Wireshark

# Any will do: the trace has only the distances from them.
CSV_CLIENT_ISN = 1000000000
CSV_SERVER_ISN = 2000000000


@dataclass
class Segment:
    time: float             # seconds since midnight, or since the start of the CSV's capture
    source: tuple           # (address, port)
    destination: tuple
    flags: int
    seq: int                # absolute
    ack: int                # absolute; 0 without ACK
    window: int             # as in the header: not scaled
    options: bytes = b""
    payload: bytes = b""


def message(first_line, length):
    """An HTTP message of exactly `length` bytes that begins with `first_line`."""
    body = b""
    headers = [first_line]
    if first_line.startswith("HTTP/"):
        body = b"ok\n"
        headers.append(f"Content-Length: {len(body)}")
    else:
        headers.append("Host: localhost")
        if first_line.endswith("HTTP/1.0"):
            headers.append("Connection: close")     # what a proxy sends with HTTP/1.0
    head = "\r\n".join(headers) + "\r\nX-Pad: "
    padding = length - len(head) - len("\r\n\r\n") - len(body)
    if padding < 1:
        raise ValueError(f"{first_line!r} does not fit into {length} bytes")
    return (head + "a" * padding + "\r\n\r\n").encode() + body


# --- tcpdump -----------------------------------------------------------------------------------

TCPDUMP_LINE = re.compile(
    r"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d\.\d+) IP "
    r"(?P<src>[\d.]+)\.(?P<sport>\d+) > (?P<dst>[\d.]+)\.(?P<dport>\d+): "
    r"Flags \[(?P<flags>[FSRP.]+)\],(?: seq (?P<seq>\d+)(?::\d+)?,)?(?: ack (?P<ack>\d+),)? "
    r"win (?P<win>\d+), length (?P<len>\d+)(?:: HTTP: (?P<http>.*\S))?")


def read_tcpdump(lines):
    segments = []
    isn = {}            # end -> its initial sequence number; the numbers after it are relative
    following = {}      # end -> its next sequence number: what a line without "seq" has
    for line in lines:
        match = TCPDUMP_LINE.match(line)
        if not match:
            raise ValueError(f"not a line of tcpdump: {line!r}")
        source = (match["src"], int(match["sport"]))
        destination = (match["dst"], int(match["dport"]))
        flags = sum(FLAG_LETTERS[letter] for letter in match["flags"])
        ack = int(match["ack"] or 0)
        if flags & SYN:
            seq = isn[source] = int(match["seq"])
        else:
            seq = isn[source] + int(match["seq"]) if match["seq"] else following[source]
            ack += isn[destination]
        length = int(match["len"])
        following[source] = seq + length + bool(flags & SYN) + bool(flags & FIN)
        segments.append(Segment(
            time=int(match["h"]) * 3600 + int(match["m"]) * 60 + float(match["s"]),
            source=source, destination=destination, flags=flags, seq=seq, ack=ack,
            window=int(match["win"]),
            payload=message(match["http"], length) if length else b""))
    repair_clock(segments)
    add_window_scale(segments)
    return segments


def repair_clock(segments):
    """Give a line whose clock is wrong the time halfway between its neighbours."""
    for before, here, after in zip(segments, segments[1:], segments[2:]):
        if before.time <= after.time and not before.time <= here.time <= after.time:
            here.time = (before.time + after.time) / 2


def add_window_scale(segments):
    """Add the option that the windows imply: 43690 in the SYN and 86 just after it is a scale
    of 9. Without it the window of 86 would be too small for the request that follows."""
    syns = [segment for segment in segments if segment.flags & SYN]
    for syn in syns:
        later = next(s for s in segments if s.source == syn.source and not s.flags & SYN)
        syn.options = window_scale(round(math.log2(syn.window / later.window)))


# --- Wireshark ---------------------------------------------------------------------------------

CSV_TCP_INFO = re.compile(
    r"(?:\[TCP [^\]]*\] )?(?P<sport>\d+)\s+>\s+(?P<dport>\d+) \[(?P<flags>[A-Z, ]+)\] "
    r"Seq=(?P<seq>\d+)(?: Ack=(?P<ack>\d+))? Win=(?P<win>\d+) Len=0(?P<rest>.*)")


def read_wireshark_csv(lines):
    rows = list(csv.DictReader(lines))
    first = CSV_TCP_INFO.match(rows[0]["Info"])
    client = (rows[0]["Source"], int(first["sport"]))
    server = (rows[0]["Destination"], int(first["dport"]))
    isn = {client: CSV_CLIENT_ISN, server: CSV_SERVER_ISN}
    scale = {}          # end -> shift of its windows, which Wireshark prints multiplied
    last = {}           # end -> its last segment
    segments = []
    for row in rows:
        match = CSV_TCP_INFO.match(row["Info"])
        if match:
            source, destination = (client, server) if int(match["sport"]) == client[1] \
                else (server, client)
            flags = sum(FLAG_NAMES[name] for name in match["flags"].split(", "))
            option = dict(re.findall(r"(\w+)=(\d+)", match["rest"]))
            if "WS" in option:
                scale[source] = int(option["WS"]).bit_length() - 1
            segment = Segment(
                time=float(row["Time"]), source=source, destination=destination, flags=flags,
                seq=isn[source] + int(match["seq"]),
                ack=isn[destination] + int(match["ack"]) if match["ack"] else 0,
                window=int(match["win"]) >> (0 if flags & SYN else scale[source]),
                options=printed_options(option))
        else:
            # A line that shows only HTTP: the numbers are those of the sender's last segment.
            source, destination = (server, client) if row["Info"].startswith("HTTP/") \
                else (client, server)
            previous = last[source]
            header = len(frame(LINKTYPE_NULL, previous)) - len(previous.payload)
            segment = Segment(
                time=float(row["Time"]), source=source, destination=destination,
                flags=PSH | ACK, seq=previous.seq + len(previous.payload), ack=previous.ack,
                window=previous.window, options=previous.options,
                payload=message(row["Info"].strip(), int(row["Length"]) - header))
        if len(frame(LINKTYPE_NULL, segment)) != int(row["Length"]):
            raise ValueError(f"frame {row['No.']} would not have the printed length")
        last[source] = segment
        segments.append(segment)
    return segments


# --- bytes -------------------------------------------------------------------------------------

def window_scale(shift):
    return struct.pack("!BBBB", 1, 3, 3, shift)


def printed_options(option):
    """The options of a line, in the order and with the padding of macOS."""
    result = b""
    if "MSS" in option:
        result += struct.pack("!BBH", 2, 4, int(option["MSS"]))
    if "WS" in option:
        result += window_scale(int(option["WS"]).bit_length() - 1)
    if "TSval" in option:
        result += struct.pack("!BBBBII", 1, 1, 8, 10, int(option["TSval"]), int(option["TSecr"]))
    if "SACK_PERM" in option:
        result += struct.pack("!BBBB", 4, 2, 0, 0)
    return result


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def frame(linktype, segment):
    source, destination = (socket.inet_aton(end[0])
                           for end in (segment.source, segment.destination))
    offset = (20 + len(segment.options)) // 4 << 4
    tcp = struct.pack("!HHIIBBHHH", segment.source[1], segment.destination[1],
                      segment.seq % 2**32, segment.ack % 2**32, offset, segment.flags,
                      segment.window, 0, 0) + segment.options + segment.payload
    pseudo = source + destination + struct.pack("!HH", socket.IPPROTO_TCP, len(tcp))
    tcp = tcp[:16] + struct.pack("!H", checksum(pseudo + tcp)) + tcp[18:]
    dont_fragment = 0x4000
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, dont_fragment, 64,
                     socket.IPPROTO_TCP, 0) + source + destination
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    return (BSD_AF_INET if linktype == LINKTYPE_NULL else b"") + ip + tcp


def write_pcap(path, linktype, segments):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, linktype))
        for segment in segments:
            data = frame(linktype, segment)
            seconds, microseconds = divmod(round(segment.time * 1e6), 1000000)
            out.write(struct.pack("<IIII", seconds, microseconds, len(data), len(data)) + data)


def main():
    if len(sys.argv) != 3:
        sys.exit("usage: trace2pcap.py TRACE OUTPUT.pcap")
    with open(sys.argv[1], encoding="utf-8") as trace:
        lines = [line for line in trace if line.strip()]
    if lines[0].startswith('"No."'):
        write_pcap(sys.argv[2], LINKTYPE_NULL, read_wireshark_csv(lines))
    else:
        write_pcap(sys.argv[2], LINKTYPE_RAW, read_tcpdump(lines))


if __name__ == "__main__":
    main()
