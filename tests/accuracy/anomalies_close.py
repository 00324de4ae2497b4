"""Close races, stale reuse and habits of closing (A in the catalogue)."""
from healthy import browse, keep
from scenario import anomaly, background, closing, seconds
from tcp import RESET
from world import draw_size, exchange, failed, response, serve


# ---- A. close races and stale reuse

def lost_request(c, conn, **more):
    """Send a request that may be lost; the truth is what the client's kernel knew."""
    known = conn.sim.now - c.fin_at if c.peer_fin else 0
    gone = c.error
    answer = yield from exchange(c, conn, **more)
    if failed(answer) and not gone:
        conn.may |= {"rst-after-close", "idle-before-first-request", "server-idle-timeout", "keep-alive-margin",
                     "server-closed-without-response"} - conn.must
        if known < 0.004:
            conn.must.add("request-fin-race")
        elif known > 0.007:
            conn.must.add("request-on-closed-connection")
        else:
            conn.may |= {"request-fin-race", "request-on-closed-connection"}
    c.close()


def race(e, n, idle, first, abort=False):
    def client(c, conn):
        if not first:
            yield from browse(c, conn, 1, 3, min(0.5, idle / 8))
            since = conn.answered
        else:
            since = conn.accepted_at
        yield since + idle + conn.rtt / 2 - e.rng.uniform(0.03, 0.97) * conn.rtt - e.sim.now
        yield from lost_request(c, conn)

    def server(s, conn):
        conn.accepted_at = e.sim.now
        yield from serve(s, conn, **({"head": idle} if first else {"idle": idle}))
        s.abort() if abort else s.close()

    may = {"server-idle-timeout", "keep-alive-margin"} | ({"idle-before-first-request"} if first else set())
    for at in e.times(n):
        e.open(client, server, at=at, may=may, set_up=expecting)
    background(e, 2)


def expecting(conn):
    conn.accepted_at = conn.answered = conn.sim.now + conn.rtt * 1.5


@anomaly
def request_fin_race(e, n):
    race(e, n, seconds(e, 2, 5, 10, 60, 65, 75), False)


@anomaly
def request_fin_race_first(e, n):
    race(e, n, seconds(e, 2, 5, 10, 30), True)


@anomaly
def request_reset_race(e, n):
    race(e, n, seconds(e, 5, 10, 60), False, abort=True)


@anomaly
def request_on_closed_connection(e, n):
    idle = seconds(e, 2, 5, 10, 60)

    def client(c, conn):
        yield from browse(c, conn, 1, 3, min(0.5, idle / 8))
        yield (c, None)  # the FIN is there; nobody looks
        yield e.rng.choice((e.rng.uniform(0.008, 0.1), e.rng.uniform(0.1, 20)))
        yield from lost_request(c, conn)
    for at in e.times(n):
        e.open(client, closing(idle=idle), at=at, may={"server-idle-timeout", "keep-alive-margin"})
    background(e, 2)


@anomaly
def request_limit_close(e, n):
    limit = e.rng.choice((3, 5, 8))

    def client(c, conn):
        while not c.peer_fin and not failed((yield from exchange(c, conn))):
            yield e.rng.uniform(0.1, 0.5) + 2 * conn.rtt
        c.close()
    for at in e.times(n):
        e.open(client, closing(limit=limit), at=at, must={"request-limit-close"})


@anomaly
def ignored_connection_close(e, n):
    limit, linger = e.rng.randint(1, 4), e.rng.choice((0, 3.0))

    def client(c, conn):
        for _ in range(limit):
            if failed((yield from exchange(c, conn))):
                return
            yield e.rng.uniform(0.02, 0.3) + conn.rtt
        yield from lost_request(c, conn, timeout=20)
        conn.must.discard("request-fin-race")
        conn.must.discard("request-on-closed-connection")
        conn.must.add("ignored-connection-close")
        conn.may |= {"request-fin-race", "request-on-closed-connection", "announced-close-late"}

    def server(s, conn):
        yield from serve(s, conn, limit=limit, answer=lambda m, k: response(
            draw_size(e.rng), headers="Connection: close\r\n" if k == limit else ""))
        yield linger
        s.received.clear()
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at)


@anomaly
def early_keep_alive_close(e, n):
    announced = e.rng.randint(8, 60)
    idle = e.rng.uniform(2, announced - 2)

    def client(c, conn):
        yield from browse(c, conn, 1, 4, 0.2)
        yield from c.read()
        c.close()

    def server(s, conn):
        yield from serve(s, conn, idle=idle, answer=lambda m, k: response(
            draw_size(e.rng), headers=f"Keep-Alive: timeout={announced}\r\n"))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"early-keep-alive-close"}, may={"server-idle-timeout", "keep-alive-margin"})


@anomaly
def shutdown_burst(e, n):
    end = e.start + 20

    def client(c, conn):
        while not c.peer_fin and e.sim.now < end + 5:
            if c.error or failed((yield from exchange(c, conn))):
                conn.must.discard("shutdown-burst")
                conn.may |= {"shutdown-burst", "request-fin-race", "rst-after-close", "server-closed-without-response"}
                break
            yield e.rng.expovariate(0.7)
        if not c.peer_fin:
            yield from c.read()
        c.close()

    def server(s, conn):
        yield from serve(s, conn, until=end + e.rng.uniform(0, 0.5))
        if e.sim.now - conn.answered < 0.25:  # as many servers close after a response
            conn.may |= conn.must & {"shutdown-burst"}
            conn.must.discard("shutdown-burst")
        s.close()
    for at in e.times(2 * n):
        e.open(client, server, at=min(at, 18), must={"shutdown-burst"}, may={"server-idle-timeout"})

    def refused(conn):
        conn.server.state = "closed"
    for i in range(3):
        e.open(lambda c, conn: iter(()), keep, at=21 + i * 0.3, must={"connection-refused"}, set_up=refused,
               may={"shutdown-burst"})


@anomaly
def unsolicited_response(e, n):
    idle = seconds(e, 3, 5, 10)

    def client(c, conn):
        yield from browse(c, conn, 1, 3, 0.3)
        while (yield from c.read()) not in (b"", RESET):
            pass
        c.close()

    def server(s, conn):
        yield from serve(s, conn, idle=idle)
        s.write(response(0, "408 Request Timeout", "Connection: close\r\n"))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"unsolicited-response"}, may={"server-idle-timeout", "keep-alive-margin"})


@anomaly
def server_idle_timeout(e, n):
    """The server ends idle connections and the clients notice."""
    idle = seconds(e, 2, 5, 15, 60, 75)

    def client(c, conn):
        yield from browse(c, conn, pause=min(0.3, idle / 8))
        yield from c.read()
        c.close()
    for at in e.times(n):
        e.open(client, closing(idle=idle), at=at, must={"server-idle-timeout"}, may={"keep-alive-margin"})


@anomaly
def keep_alive_margin(e, n):
    idle = seconds(e, 5, 10, 20)

    def client(c, conn):
        for _ in range(e.rng.randint(2, 4)):
            if failed((yield from exchange(c, conn))):
                break
            yield max(conn.answered + idle * e.rng.uniform(0.82, 0.93) - e.sim.now, 0)
        yield from exchange(c, conn)
        yield from c.read()
        c.close()
    for at in e.times(n):
        e.open(client, closing(idle=idle), at=at, must={"keep-alive-margin"}, may={"server-idle-timeout"})
