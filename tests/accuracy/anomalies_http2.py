"""What only HTTP/2 can show: GOAWAY, RST_STREAM, PING."""
from http2 import (CANCEL, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, H2, HEADERS, INTERNAL_ERROR, PING, REFUSED_STREAM,
                   SETTINGS_TIMEOUT, answered, fills_windows, frame, goaway, is_frame, requests, rst_stream)
from net import CLIENT
from scenario import SERVER_POINT, anomaly, seconds
from tcp import RESET, TIMEOUT

ENDS = {"server-idle-timeout", "rst-after-close", "keep-alive-margin", "connection-lifetime-limit", "request-limit-close", "client-abort",
        "close-without-goaway"}


def some(h2, e, least=1, most=4):
    for _ in range(e.rng.randint(least, most)):
        stream = h2.request(e.rng.choice((0, 0, 300)))
        if not (yield from answered(h2, stream)):
            return False
        yield e.rng.uniform(0.01, 0.3)
    return True


def serve(h2, e, idle=None, conn=None):
    """Answers until the client ends, or rests for so long. Returns the last stream."""
    last = 0
    while True:
        stream = yield from requests(h2, idle)
        if stream is None:
            return last
        last = stream
        yield e.rng.uniform(0.001, 0.05)
        h2.respond(stream, e.rng.choice((20, 900, 5000)), e.rng.random() < 0.3)
        if conn is not None:
            conn.answered = e.sim.now


def is_data(got):
    return got not in (RESET, TIMEOUT) and len(got) > 0


def leave(h2, c, upon_goaway=False):
    """Reads to the end, or to the server's GOAWAY, and closes."""
    while not (upon_goaway and h2.goaway) and is_frame((yield from h2.next(20))):
        pass
    c.close()


def met_by_goaway(e, n, late):
    idle = seconds(e, 2, 5, 10)

    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        if late:
            yield (c, None)  # the GOAWAY is there; nobody looks
            yield e.rng.uniform(0.02, 0.4)
        else:
            yield max(conn.answered + idle + conn.rtt / 2 - e.rng.uniform(0.03, 0.97) * conn.rtt - e.sim.now, 0)
        known, before = bool(c.received), c.nxt
        stream = h2.request()
        sent = c.nxt > before
        if not (yield from answered(h2, stream, 20)) and sent:  # else the server's timer had begun anew meanwhile
            (conn.may if known and not late else conn.must).add("stream-after-goaway" if late else "goaway-race")
            conn.may.add("stream-after-goaway")
        yield from leave(h2, c)

    def server(s, conn):
        h2 = H2(s, False)
        last = yield from serve(h2, e, idle, conn)
        s.write(goaway(last))
        end = e.sim.now + 1
        while is_frame((yield from h2.next(max(end - e.sim.now, 0)))):
            pass  # what comes now is not processed
        s.close()

    def set_up(conn):
        conn.answered = conn.sim.now + conn.rtt * 1.5
        conn.speaks_no_http()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS | {"request-fin-race", "request-on-closed-connection"}, set_up=set_up)


@anomaly
def goaway_race(e, n):
    met_by_goaway(e, n, False)


@anomaly
def stream_after_goaway(e, n):
    met_by_goaway(e, n, True)


@anomaly
def streams_lost_at_close(e, n):
    """With GOAWAY or without, by FIN or by reset, before the answer or within it."""
    def client(c, conn):
        h2 = H2(c, True)
        if (yield from some(h2, e)):
            for _ in range(e.rng.randint(1, 3)):
                h2.request()
        yield from leave(h2, c)

    def server(s, conn):
        h2, last, rest = H2(s, False), 0, e.rng.randint(1, 4)
        while True:
            stream = yield from requests(h2)
            if stream is None:
                return
            last = stream
            yield e.rng.uniform(0.001, 0.02)
            if e.rng.random() < 0.5 and rest > 0:
                rest -= 1
                h2.respond(stream, 200)
                continue
            break
        conn.must.add("streams-lost-at-close")
        yield e.rng.uniform(0.02, 2)
        if e.rng.random() < 0.4:
            s.write(goaway(last + 4))
        s.abort() if e.rng.random() < 0.3 else s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS | {"shutdown-burst", "server-process-ended"})


@anomaly
def refused_streams(e, n):
    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        stream = h2.request()
        yield from answered(h2, stream)
        yield e.rng.uniform(0.5, 3)
        c.close()

    def server(s, conn):
        h2, left = H2(s, False), e.rng.randint(0, 2)
        while True:
            stream = yield from requests(h2)
            if stream is None:
                break
            if left == 0:
                s.write(rst_stream(stream, REFUSED_STREAM))
                conn.must.add("refused-streams")
            else:
                h2.respond(stream, 100)
            left -= 1
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


def answers_the_first(s, conn):
    """The first request is answered at once; of the others none is, and they are taken back."""
    h2 = H2(s, False)
    while (stream := (yield from requests(h2))) is not None:
        if stream == 1:
            h2.respond(stream, 100)
    s.close()


@anomaly
def stream_cancelled(e, n):
    wait = seconds(e, 1, 2, 5)

    def client(c, conn):
        h2 = H2(c, True)
        yield from answered(h2, h2.request())
        yield e.rng.uniform(0.1, 1)
        stream = h2.request()
        yield wait
        c.write(rst_stream(stream, CANCEL))
        conn.must.add("stream-cancelled")
        yield e.rng.uniform(0.5, 3)
        yield from c.read(0)
        c.close()

    for at in e.times(n):
        e.open(client, answers_the_first, at=at)


@anomaly
def too_many_pings(e, n):
    def client(c, conn):
        h2 = H2(c, True)
        yield from answered(h2, h2.request())
        while c.state == "open" and not c.peer_fin:
            c.write(frame(PING, 0, 0, b"12345678"))
            yield e.rng.choice((0.5, 1, 2))
        yield from leave(h2, c)

    def server(s, conn):
        h2, pings = H2(s, False), 0
        while True:
            got = yield from h2.next()
            if not is_frame(got):
                return
            if got[0] == PING:
                pings += 1
            elif got[2] and got[1] & 1:
                h2.respond(got[2], 100)
            if pings == 4:
                break
        s.write(goaway(1, ENHANCE_YOUR_CALM, b"too_many_pings"))
        conn.must.add("too-many-pings")
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS)


@anomaly
def close_without_goaway(e, n):
    idle = seconds(e, 2, 5, 10)

    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        yield from leave(h2, c)

    def server(s, conn):
        h2 = H2(s, False)
        yield from serve(h2, e, idle)
        conn.must.add("close-without-goaway")
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS)


@anomaly
def goaway_at_age(e, n):
    """gRPC's limit, a tenth more or less, and said so; what runs is finished."""
    age = seconds(e, 5, 10, 30)

    def client(c, conn):
        h2 = H2(c, True)
        while not h2.goaway and (yield from answered(h2, h2.request())):
            end = e.sim.now + e.rng.uniform(0.05, 0.5)
            while not h2.goaway and e.sim.now < end and is_frame((yield from h2.next(max(end - e.sim.now, 0)))):
                pass
        yield from leave(h2, c, e.rng.random() < 0.7)

    def server(s, conn):
        h2, until, last = H2(s, False), e.sim.now + age * e.rng.uniform(0.9, 1.1), 0
        while e.sim.now < until:
            stream = yield from requests(h2, until - e.sim.now)
            if stream is not None:
                last = stream
                yield e.rng.uniform(0.001, 0.05)
                h2.respond(stream, 300, True)
            elif s.state != "open" or s.peer_fin:
                return s.close()
        conn.must.add("goaway-at-age")
        s.write(goaway(last, 0, b"max_age"))
        end = e.sim.now + 1 + 4 * conn.rtt
        while is_frame((yield from h2.next(max(end - e.sim.now, 0)))):
            pass  # what crossed it is not processed
        s.close()
        return None
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS | {"goaway-race", "stream-after-goaway", "request-fin-race"},
               set_up=lambda conn: conn.speaks_no_http())


@anomaly
def window_stall(e, n):
    fills_windows(e, n, lambda: e.rng.uniform(1.2, 6), must={"window-stall"}, may={"client-abort"})


@anomaly
def ping_unanswered(e, n):
    """The server's program hangs, with a request running or without; its kernel goes on. The client pings when it has rested, and gives up.
    Some programs wake up behind that, and answer."""
    rest, patience, wakes = e.rng.choice((1, 5, 15)), seconds(e, 2, 10, 20), e.rng.random() < 0.5

    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        if e.rng.random() < 0.5:
            h2.request()
        yield rest + conn.rtt
        c.write(frame(PING, 0, 0, b"12345678"))
        conn.must.add("ping-unanswered")
        yield patience + 2 * conn.rtt
        c.close()

    def server(s, conn):
        h2 = H2(s, False)
        while is_frame(got := (yield from h2.next(rest / 2))):
            if got[0] in (HEADERS, DATA) and got[1] & END_STREAM:
                yield e.rng.uniform(0.001, 0.02)
                h2.respond(got[2], 300)
        yield rest + patience + 6 * conn.rtt + e.rng.uniform(0.2, 4) if wakes else 60
        while wakes and is_frame(got := (yield from h2.next(0.1))):
            if got[0] in (HEADERS, DATA) and got[1] & END_STREAM:
                h2.respond(got[2], 300)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS | {"fin-wait2-pileup", "fin-answered-late", "client-timeout", "client-reset-at-deadline"})


@anomaly
def stream_broken_off(e, n):
    """A handler that dies, or a proxy that lost what stood behind it: RST_STREAM, or END_STREAM before the announced length."""
    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        yield from answered(h2, h2.request())
        yield e.rng.uniform(0.1, 1)
        yield from answered(h2, h2.request())
        yield e.rng.uniform(0.5, 3)
        yield from c.read(0)
        c.close()

    def server(s, conn):
        h2, left = H2(s, False), e.rng.randint(0, 2)
        while (stream := (yield from requests(h2))) is not None:
            yield e.rng.uniform(0.001, 0.05)
            if left != 0:
                h2.respond(stream, 300)
            else:
                length = b"\x0f\x0d\x045000"  # content-length, 28 of the static table
                s.write(frame(HEADERS, END_HEADERS, stream, b"\x88" + length) + frame(DATA, 0, stream, bytes(e.rng.randint(1, 4000))))
                yield e.rng.uniform(0.001, 0.5)
                s.write(rst_stream(stream, INTERNAL_ERROR) if e.rng.random() < 0.5 else frame(DATA, END_STREAM, stream))
                conn.must.add("stream-broken-off")
            left -= 1
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=lambda conn: conn.speaks_no_http())


@anomaly
def gives_up_while_draining(e, n):
    """The server says GOAWAY and goes on with the stream that runs; the client has waited for long enough. It was the client."""
    patience = seconds(e, 2, 5, 10)

    def client(c, conn):
        h2 = H2(c, True)
        yield from answered(h2, h2.request())
        yield e.rng.uniform(0.1, 1)
        h2.request()
        end = e.sim.now + patience
        while is_frame((yield from h2.next(max(end - e.sim.now, 0)))):
            pass
        c.close()

    def server(s, conn):
        h2 = H2(s, False)
        h2.respond((yield from requests(h2)), 300)
        last = yield from requests(h2)
        if last is not None:
            yield e.rng.uniform(0.1, 0.9) * patience
            s.write(goaway(last))
            yield patience * 2
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=lambda conn: conn.speaks_no_http(),
               may={"client-timeout", "client-abort", "client-reset-at-deadline", "fin-answered-late", "fin-wait2-pileup", "close-not-executed"})


@anomaly
def http_version_mismatch(e, n):
    """HTTP/1 to a port that speaks HTTP/2 alone, or the other way round."""
    first = e.rng.random() < 0.5

    def client(c, conn):
        if first:
            c.write(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
        else:
            H2(c, True).request()
        while is_data((yield from c.read(20))):
            pass
        c.close()

    def server(s, conn):
        if first:
            H2(s, False)
        yield from s.read(20)
        if not first:
            s.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        conn.must.add("http-version-mismatch")
        yield e.rng.uniform(0.001, 0.02)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, set_up=lambda conn: conn.speaks_no_http())


@anomaly
def settings_unanswered(e, n):
    """Nobody speaks on the port, or the client does not go on."""
    patience, silent_server, wakes = seconds(e, 5, 10, 20), e.rng.random() < 0.5, e.rng.random() < 0.5

    def client(c, conn):
        H2(c, True)
        conn.must.add("settings-unanswered")
        if silent_server:
            yield patience
            c.close()
        else:
            while is_data((yield from c.read(60))):
                pass
            c.close()

    def server(s, conn):
        if silent_server and wakes:  # too late
            yield patience + 4 * conn.rtt + e.rng.uniform(0.2, 4)
            yield from H2(s, False).next(0.1)
        elif silent_server:
            yield patience * 2
        else:
            H2(s, False)
            yield patience
            s.write(goaway(0, SETTINGS_TIMEOUT))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS | {"fin-wait2-pileup", "fin-answered-late", "unused-connection", "idle-before-first-request"},
               set_up=lambda conn: conn.speaks_no_http())


@anomaly
def rapid_resets(e, n):
    def client(c, conn):
        h2 = H2(c, True)
        yield from answered(h2, h2.request())
        conn.must.add("rapid-resets")
        for _ in range(e.rng.randint(120, 160)):
            stream = h2.request()
            c.write(rst_stream(stream, CANCEL))
            yield e.rng.uniform(0.0005, 0.005)
        yield e.rng.uniform(0.1, 1) + 2 * conn.rtt
        yield from c.read(0)
        c.close()

    for at in e.times(n):
        e.open(client, answers_the_first, at=at, may=ENDS | {"stream-cancelled"})


@anomaly
def dead_connection_used(e, n):
    """The path ends in the middle of a busy connection, and the client goes on to put requests on it."""
    def client(c, conn):
        h2 = H2(c, True)
        yield from some(h2, e)
        conn.path.drop = lambda p, now: conn.path.middle + 0.01 if p.end == CLIENT else 0.99 - conn.path.middle
        h2.request()
        conn.blind.add(SERVER_POINT)
        yield e.rng.uniform(4, 6) + 20 * conn.rtt  # three repetitions and more
        for _ in range(e.rng.randint(1, 3)):
            h2.request()
            yield e.rng.uniform(0.5, 2)
        conn.must.add("dead-connection-used")
        yield e.rng.uniform(5, 10)
        c.close()

    def server(s, conn):
        yield from serve(H2(s, False), e)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=ENDS | {"retransmission-stall", "client-timeout", "fin-unanswered", "keepalive-probe-timeout",
                                                  "peer-unreachable", "client-reset-at-deadline", "client-vanished", "mtu-black-hole"})
