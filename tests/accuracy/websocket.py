"""WebSocket over a simulated socket (RFC 6455), in a tunnel that HTTP/1 opened."""
import struct

from tcp import RESET, TIMEOUT
from world import read_message, request

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
MASK = b"mask"


def frame(opcode, body=b"", masked=False):
    """Whole, and shorter than 126 bytes."""
    if not masked:
        return bytes((0x80 | opcode, len(body))) + body
    return bytes((0x80 | opcode, 0x80 | len(body))) + MASK + bytes(b ^ MASK[i % 4] for i, b in enumerate(body))


def close_frame(code, masked=False):
    return frame(CLOSE, struct.pack("!H", code), masked)


def ask(c):
    c.write(request("/ws", headers="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"))
    yield from read_message(c, interim=True)


def accept(s):
    yield from read_message(s)
    s.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")


def chat(sock, e, masked, most=3):
    for _ in range(e.rng.randint(1, most)):
        yield e.rng.uniform(0.05, 2)
        sock.write(frame(TEXT, bytes(e.rng.randint(1, 100)), masked))


def is_data(got):
    return got not in (RESET, TIMEOUT) and len(got) > 0
