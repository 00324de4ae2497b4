"""Healthy connections, the look-alikes of anomalies among them: nothing here may be called an error or a
warning. `may` names information that is true."""
from tcp import RESET, TIMEOUT
from websocket import PING, PONG, accept, ask, chat, close_frame, frame, is_data
from world import Conn, draw_size, exchange, failed, read_message, request, response, serve

HEALTHY = {}


def healthy(function):
    HEALTHY[function.__name__.replace("_", "-")] = function
    return function


def keep(s, conn, **more):
    """A server that keeps the connection until the client closes."""
    yield from serve(s, conn, **more)
    s.close()


def browse(c, conn, least=1, most=6, pause=1.0):
    """Some exchanges, with pauses between them."""
    for n in range(conn.episode.rng.randint(least, most)):
        if n:
            yield conn.episode.rng.expovariate(1 / pause)
        answer = yield from exchange(c, conn)
        if failed(answer):
            return


@healthy
def pool_closes_first(e, n):
    """The client's idle time is shorter than the server's."""
    idle = e.rng.uniform(2, 30)

    def client(c, conn):
        yield from browse(c, conn)
        yield idle
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at)


@healthy
def closes_after_use(e, n):
    def client(c, conn):
        yield from browse(c, conn, 2)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at)


@healthy
def one_shot(e, n):
    """curl: one request that announces the close; either side closes first."""
    def client(c, conn):
        yield from exchange(c, conn, request(headers="Connection: close\r\n"))
        if e.rng.random() < 0.3:
            yield from c.read(0.5)
        c.close()

    def server(s, conn):
        yield from serve(s, conn, limit=1, answer=lambda m, k: response(draw_size(e.rng), headers="Connection: close\r\n"))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def announced_close(e, n):
    """The server announces the close on its last response and closes."""
    limit = e.rng.randint(1, 6)

    def client(c, conn):
        for _ in range(limit):
            if failed((yield from exchange(c, conn))):
                break
            yield e.rng.expovariate(2)
        yield from c.read()
        c.close()

    def server(s, conn):
        yield from serve(s, conn, limit=limit, answer=lambda m, k: response(
            draw_size(e.rng), headers="Connection: close\r\n" if k == limit else ""))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def close_delimited(e, n):
    """HTTP/1.0, or 1.1 without a length: the body ends with the connection."""
    version = e.rng.choice(("1.0", "1.1"))

    def client(c, conn):
        yield from exchange(c, conn, request(version=version))
        c.close()

    def server(s, conn):
        yield from serve(s, conn, limit=1, answer=lambda m, k: response(
            draw_size(e.rng), length=False, version=version, headers="Connection: close\r\n" if version == "1.1" else ""))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def half_close(e, n):
    """FIN right after the request; the response still comes."""
    wait = e.rng.uniform(0.01, 3)

    def client(c, conn):
        c.write(request())
        if e.rng.random() < 0.5:
            yield 0.001
        c.shutdown()
        yield from read_message(c)
        yield from c.read()
        c.close()

    def server(s, conn):
        yield from serve(s, conn, think=lambda: wait)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def reset_after_response(e, n):
    """The client aborts after the complete last response, to avoid TIME_WAIT."""
    def client(c, conn):
        yield from browse(c, conn)
        yield e.rng.choice((0, e.rng.uniform(0.001, 5)))
        c.abort()
    for at in e.times(n):
        e.open(client, keep, at=at)


@healthy
def health_check(e, n):
    """A load balancer's: connect and close or reset."""
    how = e.rng.choice(("fin", "rst"))

    def client(c, conn):
        yield e.rng.choice((0, 0.0005))
        c.close() if how == "fin" else c.abort()

    for i in range(n):
        e.open(client, keep, at=5.0 * i, must={"unused-connection"})


@healthy
def websocket(e, n):
    """Upgraded, quiet for long, probes, closed by either side."""
    def client(c, conn):
        c.write(request("/ws", headers="Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n"
                                       "Sec-WebSocket-Version: 13\r\n"))
        yield from read_message(c, interim=True)
        for _ in range(e.rng.randint(1, 5)):
            c.write(b"\x81\x85maskhello")
            yield from c.read(e.rng.uniform(10, 200))
        c.write(b"\x88\x80mask")
        yield from c.read()
        c.close()

    def server(s, conn):
        yield from read_message(s)
        s.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while True:
            data = yield from s.read()
            if not data or data == RESET:
                break
            if b"\x88\x80" in data:
                s.write(b"\x88\x00")
                break
            yield e.rng.uniform(0, 20)
            s.write(b"\x81\x05hello")
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=probing(e, 45, 45))


@healthy
def websocket_goodbye(e, n):
    """Pings that are answered, and a Close of either end, done or going away; the program's own codes, too."""
    by_server, code = e.rng.random() < 0.5, e.rng.choice((1000, 1001, 4000))

    def client(c, conn):
        yield from ask(c)
        if by_server:
            while is_data(got := (yield from c.read())):
                if b"\x89\x01" in got:
                    c.write(frame(PONG, b"1", True))
                if got[-4:-2] == b"\x88\x02":
                    c.write(close_frame(code, True))
        else:
            yield from chat(c, e, True)
            c.write(close_frame(code, True))
            while is_data((yield from c.read(30))):
                pass
        c.close()

    def server(s, conn):
        yield from accept(s)
        if by_server:
            for _ in range(e.rng.randint(1, 3)):
                yield e.rng.uniform(1, 20) + 2 * conn.rtt
                yield from s.read(0)
                s.write(frame(PING, b"1"))
            yield e.rng.uniform(1, 20) + 2 * conn.rtt
            s.write(close_frame(code))
            while is_data(got := (yield from s.read(5))) and b"\x88" not in got:
                pass
        else:
            while is_data(got := (yield from s.read())):
                if b"\x88\x82mask" in got:
                    s.write(close_frame(code))
                    break
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


def message(e, least=20, most=200):
    """Of some protocol that is not HTTP."""
    return b"\x01\x02" + bytes(e.rng.randint(least, most))


def drained(s):
    """A server that answers nothing."""
    while True:
        data = yield from s.read()
        if not data or isinstance(data, str):
            break
    s.close()


@healthy
def heartbeats(e, n):
    """The client tells each few seconds that it lives; nobody answers, and the server sends events at its own pace."""
    rest, linger = e.rng.choice((1, 5, 30)), e.rng.choice((0.001, 1, 2))

    def client(c, conn):
        c.write(message(e))
        yield from c.read()
        for _ in range(e.rng.randint(2, 6)):
            c.write(message(e, 20, 40))
            yield rest
        yield linger
        while c.received:
            yield from c.read()
        c.close()

    def server(s, conn):
        yield from s.read()
        s.write(message(e))
        while True:
            data = yield from s.read(e.rng.uniform(0.5, 20))
            if data == TIMEOUT:
                s.write(message(e))
            elif not data or isinstance(data, str):
                break
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=Conn.speaks_no_http, may={"connection-lifetime-limit"})


@healthy
def telemetry(e, n):
    """Lines of a log, or numbers: after a hello, or without, nothing is answered; the client lingers after the last."""
    linger, greets = e.rng.choice((0.001, 1, 2, 3)), e.rng.random() < 0.5

    def client(c, conn):
        if greets:
            c.write(message(e))
            yield from c.read()
        for _ in range(e.rng.randint(2, 8)):
            c.write(message(e, 20, 2000))
            yield e.rng.choice((0.6, 1, 1.5))
        yield linger
        c.close()

    def server(s, conn):
        if greets:
            yield from s.read()
            s.write(message(e))
        yield from drained(s)
    for at in e.times(n):
        e.open(client, server, at=at, set_up=Conn.speaks_no_http, may={"connection-lifetime-limit"})


@healthy
def short_messages(e, n):
    """Asked and answered in a few bytes; the client says goodbye, which nobody answers, or just goes."""
    says = e.rng.random() < 0.5

    def client(c, conn):
        for _ in range(e.rng.randint(2, 6)):
            c.write(message(e, 4, 12))
            yield from c.read()
            yield e.rng.choice((0.02, e.rng.uniform(0.2, 5)))
        if says:
            c.write(b"\x01\x03bye")
            yield from c.read(1)
        c.close()

    def server(s, conn):
        while True:
            data = yield from s.read()
            if not data or isinstance(data, str) or b"bye" in data:
                break
            s.write(message(e, 1, 12))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=Conn.speaks_no_http, may={"unused-connection"})


@healthy
def subscription(e, n):
    """One message of the client, and events of the server from then on; the client goes after a fixed time."""
    stay = e.rng.choice((5.5, 10, 60))

    def client(c, conn):
        c.write(message(e))
        end = e.sim.now + stay
        while e.sim.now < end:
            data = yield from c.read(end - e.sim.now)
            if not data or data == RESET:
                break
        c.close()

    def server(s, conn):
        yield from s.read()
        while s.write(message(e)):
            data = yield from s.read(e.rng.choice((1, e.rng.uniform(0.3, 4))))
            if data != TIMEOUT:
                break
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=Conn.speaks_no_http, may={"connection-lifetime-limit"})


def probing(e, idle, interval):
    def set_up(conn):
        conn.client.keep_alive = (idle, interval, 9)
        conn.server.keep_alive = None
    return set_up


@healthy
def idle_for_hours(e, n):
    """One connection that rests for hours, with probes or without."""
    def client(c, conn):
        yield from exchange(c, conn)
        yield e.rng.uniform(3600, 7100)
        yield from exchange(c, conn)
        c.close()
    for at in e.times(min(n, 2)):
        e.open(client, keep, at=at, set_up=probing(e, 300, 75))


@healthy
def open_at_end(e, n):
    """Still open when the capture ends: nobody closes."""
    def client(c, conn):
        yield from browse(c, conn)
    e.until = e.start + 100
    for at in e.times(n):
        e.open(client, keep, at=at)


@healthy
def pipelining(e, n):
    def client(c, conn):
        for _ in range(e.rng.randint(1, 3)):
            deep = e.rng.randint(2, 8)
            for i in range(deep):
                c.write(request(f"/p{i}"))
            for _ in range(deep):
                yield from read_message(c)
            yield e.rng.expovariate(1)
        c.close()
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, think=lambda: e.rng.expovariate(1000)), at=at)


@healthy
def bodyless(e, n):
    """HEAD, 204 and 304 have no body, whatever they announce."""
    def client(c, conn):
        yield from exchange(c, conn, request(method="HEAD"), bodyless=True)
        yield 0.2
        yield from exchange(c, conn, request("/none"), bodyless=True)
        yield 0.2
        yield from exchange(c, conn, request("/same"), bodyless=True)
        c.close()

    def server(s, conn):
        def answer(message, k):
            status = ("200 OK", "204 No Content", "304 Not Modified")[k - 1]
            return response(0, status, headers="" if k == 2 else "Content-Length: 5000\r\n", length=False)
        yield from serve(s, conn, answer=answer)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def chunked(e, n):
    """Chunks, some of them late."""
    def client(c, conn):
        yield from browse(c, conn, 1, 3)
        c.close()

    def server(s, conn):
        while not failed((yield from read_message(s))):
            whole = response(e.rng.randint(1, 20000), chunked=True)
            cut = e.rng.randrange(len(whole))
            s.write(whole[:cut])
            yield e.rng.choice((0, e.rng.uniform(0, 4)))
            s.write(whole[cut:])
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def uploads(e, n):
    def client(c, conn):
        for i in range(e.rng.randint(1, 3)):
            size = e.rng.randint(1, 60000)
            yield from exchange(c, conn, request("/up", "POST", size))
            yield e.rng.expovariate(1)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at)


@healthy
def expect_continue(e, n):
    def client(c, conn):
        text = request("/up", "PUT", e.rng.randint(1000, 30000), "Expect: 100-continue\r\n")
        head = text.index(b"\r\n\r\n") + 4
        c.write(text[:head])
        yield from read_message(c, interim=True)
        c.write(text[head:])
        yield from read_message(c)
        c.close()

    def server(s, conn):
        yield from s.read()
        yield e.rng.uniform(0, 0.2)
        s.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        while True:
            data = yield from s.read(1.0)
            if not data or isinstance(data, str):
                break
        s.write(response(10, "201 Created"))
        yield from s.read()
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def slow_handlers(e, n):
    """Long polls: the answer takes seconds, and comes."""
    def client(c, conn):
        for _ in range(e.rng.randint(1, 3)):
            yield from exchange(c, conn)
        c.close()
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, think=lambda: e.rng.uniform(1, 30)), at=at)


@healthy
def event_stream(e, n):
    """Bytes trickle for long; the client goes when it has enough, after the response's end."""
    def client(c, conn):
        yield from exchange(c, conn)
        c.close()

    def server(s, conn):
        yield from read_message(s)
        s.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\n")
        for _ in range(e.rng.randint(2, 8)):
            yield e.rng.uniform(0.5, 15)
            s.write(b"b\r\ndata: tick\n\r\n")
        s.write(b"0\r\n\r\n")
        yield from s.read()
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def simultaneous_close(e, n):
    """Both ends have the same idle timer, and close at once."""
    def client(c, conn):
        yield from browse(c, conn, 1, 3, 0.1)
        yield conn.answered + 5 + conn.rtt * e.rng.uniform(0, 1) - e.sim.now
        c.close()

    def server(s, conn):
        yield from serve(s, conn, idle=5)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may={"server-idle-timeout", "keep-alive-margin"})


@healthy
def lifetime_limit(e, n):
    """A pool that ends its connections at an age, between exchanges only."""
    age = e.rng.uniform(5, 40)

    def client(c, conn):
        end = e.sim.now + age
        while e.sim.now < end - 1.5:
            yield from exchange(c, conn)
            yield min(e.rng.expovariate(1), max(end - e.sim.now - 1, 0))
        yield max(end - e.sim.now, 0)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, may={"connection-lifetime-limit"})


@healthy
def deferred_accept(e, n):
    """TCP_DEFER_ACCEPT: the server's SYN-ACK is repeated while no data comes, and nothing is lost."""
    def client(c, conn):
        yield e.rng.choice((0.01, e.rng.uniform(0.5, 6)))
        yield from browse(c, conn, 1, 3)
        c.close()

    def set_up(conn):
        conn.accepts = lambda packet: bool(packet.payload)
    for at in e.times(n):
        e.open(client, keep, at=at, set_up=set_up)


@healthy
def tls(e, n):
    """Records that look like TLS 1.2; close_notify before the FIN."""
    def record(kind, size):
        return bytes((kind, 3, 3)) + size.to_bytes(2, "big") + bytes(e.rng.getrandbits(8) for _ in range(min(size, 64))) \
            + bytes(max(size - 64, 0))

    def hello(kind, size):
        return b"\x16\x03\x01" + (size + 4).to_bytes(2, "big") + bytes((kind,)) + size.to_bytes(3, "big") + b"\x03\x03" + \
            bytes(e.rng.getrandbits(8) for _ in range(32)) + bytes(size - 34)

    def client(c, conn):
        c.write(hello(1, 200))
        yield from c.read()
        c.write(record(22, 70) + b"\x14\x03\x03\x00\x01\x01" + record(22, 40))
        yield from c.read()
        for _ in range(e.rng.randint(1, 4)):
            c.write(record(23, e.rng.randint(60, 900)))
            yield from c.read()
            yield e.rng.expovariate(2)
        if c.received:
            yield from c.read()
        c.write(record(21, 26))
        yield 0.0002
        if c.received:
            yield from c.read()
        c.close()

    def server(s, conn):
        yield from s.read()
        s.write(hello(2, 80) + record(22, 2500) + record(22, 4))
        yield from s.read()
        s.write(b"\x14\x03\x03\x00\x01\x01" + record(22, 40))
        while True:
            data = yield from s.read()
            if not data or data == RESET:
                break
            if data[0] == 21:
                break
            s.write(record(23, e.rng.randint(100, 1300)))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def late_orphan(e, n):
    """The client closes an idle connection; the server notices after a minute, and its FIN meets nobody."""
    def client(c, conn):
        yield from browse(c, conn, 1, 2)
        c.close()

    def server(s, conn):
        yield from serve(s, conn)
        yield e.rng.uniform(70, 90)
        s.close()
    for at in e.times(min(n, 4)):
        e.open(client, server, at=at)


@healthy
def early_answer(e, n):
    """The answer comes before the upload is complete; the server reads on, and both are content."""
    def client(c, conn):
        text = request("/up", "POST", 30000)
        c.write(text[:5000])
        yield 0.3 + e.rtt
        c.write(text[5000:])
        yield from read_message(c)
        c.close()

    def server(s, conn):
        yield from s.read()
        s.write(response(20, "200 OK"))
        while True:
            data = yield from s.read()
            if not data or isinstance(data, str):
                break
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)
