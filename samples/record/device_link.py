#!/usr/bin/env python3
"""A link like delay_link.py's with a device on it that has a mind of its own.

    device_link.py TAP_A TAP_B MILLISECONDS [--forget SECONDS] [--largest BYTES]

--forget: a TCP connection that rests longer is forgotten; its later frames are dropped silently.
--largest: IPv4 packets that are larger are dropped, without a word to the sender.
"""

import argparse
import time

import delay_link

IPV4 = b"\x08\x00"
TCP = 6
SYN = 0x02


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("taps", nargs=2)
    parser.add_argument("milliseconds", type=float)
    parser.add_argument("--forget", type=float, default=float("inf"))
    parser.add_argument("--largest", type=int, default=1 << 16)
    return parser.parse_args()


class Device:
    def __init__(self, forget, largest):
        self.forget = forget
        self.largest = largest
        self.seen = {}                  # connection -> when last; None: forgotten

    def passes(self, frame):
        if frame[12:14] != IPV4:
            return True
        if int.from_bytes(frame[16:18], "big") > self.largest:
            return False
        return frame[23] != TCP or self.knows(frame)

    def knows(self, frame):
        at = 14 + (frame[14] & 15) * 4
        ends = frozenset([frame[26:30] + frame[at:at + 2], frame[30:34] + frame[at + 2:at + 4]])
        now = time.monotonic()
        if frame[at + 13] & SYN:
            self.seen[ends] = now
        last = self.seen.get(ends)
        if last is None or now - last > self.forget:
            self.seen[ends] = None
            return False
        self.seen[ends] = now
        return True


def main():
    options = parse()
    taps = [delay_link.open_tap(name) for name in options.taps]
    device = Device(options.forget, options.largest)
    print("ready", flush=True)
    delay_link.forward(*taps, options.milliseconds / 1000, device.passes)


if __name__ == "__main__":
    main()
