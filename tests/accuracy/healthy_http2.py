"""HTTP/2 that ends as it should."""
from anomalies_http2 import leave, serve, some
from healthy import healthy
from http2 import DATA, END_STREAM, GRACEFUL, H2, HEADERS, PING, answered, fills_windows, frame, goaway, is_frame, requests
from tcp import TIMEOUT


@healthy
def http2_client_closes(e, n):
    """Some say goodbye before, some do not; streams overlap."""
    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        streams = [h2.request() for _ in range(e.rng.randint(1, 5))]
        yield from answered(h2, streams[-1])
        yield e.rng.uniform(0.1, 5)
        if e.rng.random() < 0.5:
            c.write(goaway(0))
        yield from c.read(0)
        c.close()

    def server(s, conn):
        yield from serve(H2(s, False), e)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@healthy
def http2_idle_goaway(e, n):
    """The server ends connections at rest, and says so; the client closes upon that, or is a moment later."""
    idle, eager = e.rng.choice((3, 10, 60)), e.rng.random() < 0.5

    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        yield from leave(h2, c, eager)

    def server(s, conn):
        h2 = H2(s, False)
        last = yield from serve(h2, e, idle)
        s.write(goaway(last))
        if e.rng.random() < 0.5:  # Go
            yield 1
            yield from s.read(0)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may={"server-idle-timeout"})


@healthy
def http2_idle_client(e, n):
    """The client ends connections at rest, and says so; the server closes upon that (nginx, HAProxy)."""
    idle = e.rng.choice((3, 10, 60))

    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        yield idle
        c.write(goaway(0))
        yield from leave(h2, c)

    def server(s, conn):
        h2 = H2(s, False)
        while not h2.goaway and is_frame(got := (yield from h2.next())):
            if got[0] in (HEADERS, DATA) and got[1] & END_STREAM:
                yield e.rng.uniform(0.001, 0.05)
                h2.respond(got[2], 300)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


# Where packets are lost a round trip takes longer than this server waits for: then a request crosses its last GOAWAY, and that is true.
LATE = {"goaway-race", "request-fin-race"}


def hears_goaway(h2, wait):
    """Reads for so long, as gRPC does all the time."""
    end = h2.sock.sim.now + wait
    while not h2.goaway and is_frame(got := (yield from h2.next(max(end - h2.sock.sim.now, 0)))):
        pass
    return h2.goaway or got != TIMEOUT


@healthy
def grpc_connection_age(e, n):
    """Two GOAWAYs, with a ping between; what runs is finished. BDP pings go with messages."""
    age, varies, eager = e.rng.choice((2, 5, 30)), e.rng.random() < 0.5, e.rng.random() < 0.5

    def client(c, conn):
        h2 = H2(c, True)
        end = e.sim.now + age * 2
        while e.sim.now < end:
            stream = h2.request(e.rng.choice((50, 5000)))
            c.write(frame(PING, 0, 0, b"12345678"))
            if not (yield from answered(h2, stream)) or (yield from hears_goaway(h2, e.rng.uniform(0.05, 0.4))):
                break
        yield from leave(h2, c, eager)

    def server(s, conn):
        h2, begin, last, said = H2(s, False), e.sim.now, 0, False
        mine = age * e.rng.uniform(0.9, 1.1) if varies else age
        while True:
            stream = yield from requests(h2, 0.2)
            if stream is None and not conn.ending and e.sim.now - begin < mine and s.state == "open" and not s.peer_fin:
                continue
            if stream is not None:
                last = stream
                yield e.rng.uniform(0.001, 0.1)
            if not said and e.sim.now - begin >= mine:
                said = conn.ending = True
                s.write(goaway(GRACEFUL) + frame(PING, 0, 0, b"goodbye!"))
            elif stream is None:
                break  # a round trip and more has gone by
            if stream is not None:
                h2.respond(stream, 300, True)
        if said:
            s.write(goaway(last))
        s.close()

    def set_up(conn):
        conn.ending = False
    for at in e.times(n):
        e.open(client, server, at=at, may={"connection-lifetime-limit", "server-idle-timeout", "goaway-at-age"} | LATE, set_up=set_up)


@healthy
def http2_reads_soon(e, n):
    """Windows that are full for a moment."""
    fills_windows(e, n, lambda: e.rng.uniform(0.001, 0.4))
