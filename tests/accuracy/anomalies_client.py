"""The client ends early (C)."""
from healthy import browse, keep
from net import CLIENT
from scenario import anomaly, background, closing, not_slow, seconds
from tcp import TIMEOUT
from world import draw_size, exchange, failed, read_message, request, response


# ---- C. the client ends early

def giving_up(e, n, must, wait, how, may, think):
    def client(c, conn):
        yield from browse(c, conn, 0, 3, 0.3)
        conn.armed = True
        answer = yield from exchange(c, conn, timeout=wait())
        if answer == TIMEOUT:
            conn.must |= must
        c.close() if how == "fin" else c.abort()

    def server(s, conn):
        while not failed((yield from read_message(s))):
            yield think() if conn.armed else e.rng.expovariate(50)
            s.write(response(draw_size(e.rng)))
        s.close()

    def unarmed(conn):
        conn.armed = False
    for at in e.times(n):
        e.open(client, server, at=at, may=may, set_up=unarmed)


@anomaly
def client_timeout(e, n):
    timeout = seconds(e, 1, 2, 5, 10, 30)
    how = e.rng.choice(("fin", "rst"))
    giving_up(e, n, {"client-timeout"}, lambda: timeout, how, {"rst-after-close", "client-abort"},
              lambda: timeout + e.rng.uniform(1, 20))
    background(e, 2)


@anomaly
def client_abort(e, n):
    how = e.rng.choice(("fin", "rst"))
    giving_up(e, n, {"client-abort"}, lambda: e.rng.uniform(0.3, 20), how, {"rst-after-close"}, lambda: 25)


@anomaly
def client_reset_at_deadline(e, n):
    age = seconds(e, 3, 5, 10)
    how = e.rng.choice(("fin", "rst"))

    def client(c, conn):
        end = e.sim.now + age
        if e.rng.random() < 0.3:  # no response at all
            conn.slow = True
            yield e.rng.uniform(0, 0.8) * age
        while True:
            answer = yield from exchange(c, conn, timeout=max(end - e.sim.now, 0))
            if answer == TIMEOUT:
                conn.must.add("client-reset-at-deadline")
                break
            if failed(answer):
                break
            pause = e.rng.expovariate(2)
            if e.sim.now + pause >= end:
                yield end - e.sim.now
                conn.may.add("client-reset-at-deadline")
                break
            yield pause
        c.close() if how == "fin" else c.abort()
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, think=lambda: 20 if conn.slow else e.rng.uniform(0.2, 1.5)), at=at,
               set_up=not_slow, may={"rst-after-close", "client-timeout", "client-abort", "connection-lifetime-limit"})


@anomaly
def connection_lifetime_limit(e, n):
    """The server ends connections at an age, between exchanges."""
    age = seconds(e, 5, 10, 30)

    def client(c, conn):
        while not c.peer_fin and not c.error and not failed((yield from exchange(c, conn))):
            if not c.peer_fin:
                yield from c.read(e.rng.uniform(0.2, 1.5))
        c.close()

    def server(s, conn):
        end = e.sim.now + age
        while True:
            message = yield from read_message(s, max(end - e.sim.now, 0))
            if failed(message):
                break
            yield e.rng.expovariate(50)
            s.write(response(draw_size(e.rng)))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"connection-lifetime-limit"},
               may={"server-idle-timeout", "request-fin-race", "rst-after-close"})


@anomaly
def rst_after_close(e, n):
    """The client goes in the middle of a response that is still being sent."""
    def client(c, conn):
        yield from browse(c, conn, 0, 2, 0.3)
        conn.armed = True
        c.write(request("/large"))
        yield (c, None)
        yield e.rng.uniform(0.02, 0.2) + conn.rtt
        while c.received:
            yield from c.read()
        c.close()
        conn.closed = True

    def server(s, conn):
        while not failed((yield from read_message(s))):
            if conn.armed:
                break
            s.write(response(draw_size(e.rng)))
        whole = response(20000)
        s.write(whole[:5000])
        while not conn.closed and not s.error:
            yield 0.05
        yield conn.rtt + e.rng.uniform(0.1, 0.5)
        if not s.error:
            s.write(whole[5000:])
            conn.must.add("rst-after-close")
        yield from s.read()
        s.close()

    def unarmed(conn):
        conn.armed = conn.closed = False
    for at in e.times(n):
        e.open(client, server, at=at, may={"client-abort", "client-timeout"}, set_up=unarmed)


@anomaly
def fin_wait2_pileup(e, n):
    """Clients give up, handlers run on."""
    timeout = seconds(e, 1, 2, 5)

    def client(c, conn):
        yield from read_after(c, timeout)
        c.close()

    def server(s, conn):
        yield from read_message(s)
        yield timeout + 15 + e.rng.uniform(0, 5)
        s.write(response(100))
        s.close()
    for at in e.times(4 * n, 0.2):
        e.open(client, server, at=at, must={"fin-wait2-pileup"}, may={"client-timeout", "rst-after-close", "client-abort"})


def read_after(c, timeout):
    c.write(request("/slow"))
    return (yield from read_message(c, timeout))


@anomaly
def fin_wait2_leak(e, n):
    """The server ends idle connections, the client never looks."""
    idle = seconds(e, 2, 5, 10)

    def client(c, conn):
        yield from browse(c, conn, 1, 2, 0.1)
        yield 150
    for at in e.times(4 * n, 0.2):
        e.open(client, closing(idle=idle), at=at, must={"fin-wait2-pileup"},
               may={"server-idle-timeout", "keep-alive-margin"})
    e.until = e.start + 200


@anomaly
def client_vanished(e, n):
    """The client's host dies while the response is on its way."""
    def client(c, conn):
        c.write(request())
        yield from c.read()
        c.state = "deaf"
        conn.path.drop = lambda p, now: -1 if p.end == CLIENT else 1.0

    def server(s, conn):
        yield from read_message(s)
        whole = response(20000)
        for at in range(0, len(whole), 4000):
            s.write(whole[at:at + 4000])
            yield conn.rtt + 0.1
    for at in e.times(n):
        e.open(client, server, at=at, must={"client-vanished"}, may={"retransmission-stall", "silent-idle-drop", "keepalive-probe-timeout"})
    e.until = e.start + 300
