"""HTTP/2 over a simulated socket (RFC 9113), with heads that fill the dynamic table as programs do."""
import struct

from tcp import RESET, TIMEOUT

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
FIRST_WINDOW, LONGEST_FRAME = 65535, 16384  # RFC 9113 section 6.5.2
ACK = END_STREAM = 1
END_HEADERS = 4
NO_ERROR, INTERNAL_ERROR, SETTINGS_TIMEOUT, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM = 0, 2, 4, 7, 8, 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GRACEFUL = 2 ** 31 - 1  # no last stream yet


def frame(kind, flags=0, stream=0, body=b""):
    return struct.pack("!I", len(body))[1:] + bytes((kind, flags)) + struct.pack("!I", stream) + body


def goaway(last, code=NO_ERROR, text=b""):
    return frame(GOAWAY, 0, 0, struct.pack("!II", last, code) + text)


def rst_stream(stream, code):
    return frame(RST_STREAM, 0, stream, struct.pack("!I", code))


def window_update(stream, more):
    return frame(WINDOW_UPDATE, 0, stream, struct.pack("!I", more))


def literal(first, text):
    return bytes((first, len(text))) + text


class H2:
    """Frames of one end."""

    def __init__(self, sock, client):
        self.sock, self.buffer, self.newest, self.hosted = sock, b"", -1, False
        self.goaway = False  # one was read
        sock.write((PREFACE if client else b"") + frame(SETTINGS, 0, 0, struct.pack("!HI", 3, 100)))

    def request(self, body=0):
        self.newest += 2
        host = b"\xbe" if self.hosted else literal(0x41, b"a.example")  # the newest entry of the table, or it becomes one
        head = b"\x83\x86" + literal(0x04, b"/%d" % self.newest) + host
        self.hosted = True
        self.sock.write(frame(HEADERS, END_HEADERS | (0 if body else END_STREAM), self.newest, head)
                        + (frame(DATA, END_STREAM, self.newest, bytes(body)) if body else b""))
        return self.newest

    def respond(self, stream, size, trailers=False):
        self.sock.write(frame(HEADERS, END_HEADERS, stream, b"\x88")
                        + frame(DATA, 0 if trailers else END_STREAM, stream, bytes(size))
                        + (frame(HEADERS, END_HEADERS | END_STREAM, stream, literal(0x00, b"grpc-status") + literal(1, b"0")[1:])
                           if trailers else b""))

    def next(self, timeout=None):
        """(kind, flags, stream, body), or what read() says of the end. Answers SETTINGS and PING."""
        while True:
            length = int.from_bytes(self.buffer[:3], "big")
            if self.buffer.startswith(PREFACE):
                self.buffer = self.buffer[len(PREFACE):]
            elif len(self.buffer) >= 9 + length and not PREFACE.startswith(self.buffer[:9]):
                kind, flags, stream = self.buffer[3], self.buffer[4], int.from_bytes(self.buffer[5:9], "big")
                body, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
                self.goaway |= kind == GOAWAY
                if kind == SETTINGS and not flags:
                    self.sock.write(frame(SETTINGS, ACK))
                elif kind == PING and not flags:
                    self.sock.write(frame(PING, ACK, 0, body))
                return kind, flags, stream, body
            else:
                data = yield from self.sock.read(timeout)
                if data in (TIMEOUT, RESET) or not data:
                    return data
                self.buffer += data


def is_frame(got):
    return isinstance(got, tuple)


def answered(h2, stream, timeout=None):
    """Waits for the response's end. False: there will be none."""
    while True:
        got = yield from h2.next(timeout)
        if not is_frame(got) or (got[0] == RST_STREAM and got[2] == stream):
            return False
        if got[0] in (HEADERS, DATA) and got[1] & END_STREAM and got[2] == stream:
            return True


def fills_windows(e, n, rest, **options):
    """Responses that use up the client's windows, which gives room again after rest() seconds."""
    def client(c, conn):
        h2 = H2(c, True)
        stream, got = h2.request(), 0
        while got < FIRST_WINDOW:
            read = yield from h2.next()
            if not is_frame(read):
                return c.close()
            got += len(read[3]) if read[0] == DATA else 0
        yield rest()
        c.write(window_update(0, 100000) + window_update(stream, 100000))
        yield from answered(h2, stream, 20)
        yield e.rng.uniform(0.05, 0.5)
        c.close()
        return None

    def server(s, conn):
        h2 = H2(s, False)
        stream = yield from requests(h2)
        if stream is None:
            return s.close()
        yield e.rng.uniform(0.001, 0.05)
        s.write(frame(HEADERS, END_HEADERS, stream, b"\x88"))
        for left in range(FIRST_WINDOW, 0, -LONGEST_FRAME):
            s.write(frame(DATA, 0, stream, bytes(min(left, LONGEST_FRAME))))
        while True:
            read = yield from h2.next(30)
            if not is_frame(read) or (read[0] == WINDOW_UPDATE and read[2] == stream):
                break
        s.write(frame(DATA, END_STREAM, stream, bytes(5000)))
        while is_frame((yield from h2.next(30))):
            pass
        s.close()
        return None

    for at in e.times(n):
        e.open(client, server, at=at, set_up=lambda conn: conn.speaks_no_http(), **options)


def requests(h2, idle=None):
    """The server's next whole request; None: the client ended, or nothing came for so long."""
    while True:
        got = yield from h2.next(idle)
        if not is_frame(got):
            return None
        if got[0] in (HEADERS, DATA) and got[1] & END_STREAM:
            return got[2]
