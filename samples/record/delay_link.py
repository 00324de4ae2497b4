#!/usr/bin/env python3
"""A link between two TAP devices that holds every frame for a fixed time.

    delay_link.py TAP_A TAP_B MILLISECONDS

Makes both devices, prints "ready", and forwards until it is ended; the devices go with it. They
may be moved into network namespaces meanwhile. TAP devices do no offloading, so what is captured
on them has the sizes and the checksums of a real wire.
"""

import collections
import fcntl
import os
import select
import struct
import sys
import time

TUNSETIFF = 0x400454ca
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
LARGEST_FRAME = 65536


def open_tap(name):
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def forward(tap_a, tap_b, delay, passes=lambda frame: True):
    other = {tap_a: tap_b, tap_b: tap_a}
    # One delay for all frames: they become due in the order in which they came.
    waiting = collections.deque()       # (when due, where to, frame)
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select(list(other), [], [], timeout)
        for tap in readable:
            frame = os.read(tap, LARGEST_FRAME)
            if passes(frame):
                waiting.append((time.monotonic() + delay, other[tap], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, tap, frame = waiting.popleft()
            try:
                os.write(tap, frame)
            except OSError:
                pass                    # the device is down, not up yet: a wire loses the frame, too


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: delay_link.py TAP_A TAP_B MILLISECONDS")
    taps = open_tap(sys.argv[1]), open_tap(sys.argv[2])
    print("ready", flush=True)
    forward(*taps, float(sys.argv[3]) / 1000)


if __name__ == "__main__":
    main()
