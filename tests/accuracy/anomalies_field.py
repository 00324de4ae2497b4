"""Kinds that came from the field: closes that only look like others, timers where none had been looked for."""
from healthy import browse, keep
from net import CLIENT
from scenario import SERVER_POINT, anomaly, seconds
from world import draw_size, exchange, failed, read_message, request, response, serve


def ask_late(e, c, conn, rest):
    """A request that reaches the server's kernel that long after the last response, unless the close was faster."""
    yield conn.answered + rest - conn.rtt / 2 - e.sim.now
    if not c.peer_fin and not c.error:
        conn.must.add("request-fin-race")
        conn.may |= {"server-closed-without-response", "rst-after-close"}
        c.write(request("/late", "POST"))


@anomaly
def timer_meets_request(e, n):
    """The server's idle timer fires, and the request comes before the program closes: its kernel has it, nobody reads it."""
    idle = seconds(e, 2, 5, 10, 60)

    def client(c, conn):
        yield from browse(c, conn, 1, 3, min(0.5, idle / 8))
        if conn.asks:
            yield from ask_late(e, c, conn, idle + conn.late * e.rng.uniform(0.2, 0.7))
        yield from c.read()
        c.close()

    def server(s, conn):
        yield from serve(s, conn, idle=idle)
        yield conn.late
        s.close()

    def set_up(conn):
        conn.asks, conn.late = conn.number % 2 == 0, e.rng.uniform(0.002, 0.009)
    for number, at in enumerate(e.times(2 * n)):
        def numbered(conn, number=number):
            conn.number = number
            set_up(conn)
        e.open(client, server, at=at, may={"server-idle-timeout", "keep-alive-margin"}, set_up=numbered)


@anomaly
def busy_loop_meets_announced_timer(e, n):
    """The server said how long it waits (Node.js, which does not name itself, waits a second more), and its loop was busy as
    that ran out: what came meanwhile is reset unread. No other close shows the timer."""
    idle = e.rng.choice((2, 5, 10, 60))
    announced = idle - e.rng.choice((0, 1))

    def client(c, conn):
        yield from browse(c, conn, 1, 3, min(0.5, idle / 8))
        yield from ask_late(e, c, conn, idle + conn.busy * e.rng.uniform(-0.15, 0.6))
        yield from c.read()
        c.close()

    def server(s, conn):
        yield from serve(s, conn, idle=idle - 0.2 * conn.busy, answer=lambda m, k: response(
            draw_size(e.rng), headers=f"Keep-Alive: timeout={announced}\r\n", server="demo" if announced == idle else None))
        yield conn.busy
        s.close()

    def set_up(conn):
        conn.busy = e.rng.uniform(0.005, 0.04)
    for at in e.times(n):
        e.open(client, server, at=at, may={"server-idle-timeout", "keep-alive-margin"}, set_up=set_up)


@anomaly
def peer_unreachable(e, n):
    """What the client sends does not arrive any more, in the middle of a busy connection."""
    def client(c, conn):
        yield from browse(c, conn, 2, 4, 0.5)
        yield e.rng.uniform(0.1, 3)
        conn.path.drop = lambda p, now: conn.path.middle + 0.01 if p.end == CLIENT else -1
        conn.must.add("peer-unreachable")
        conn.blind.add(SERVER_POINT)
        c.write(request("/lost"))
        yield 12 + e.rng.uniform(0, 20)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, may={"retransmission-stall", "client-abort", "client-timeout", "fin-unanswered",
                                          "silent-idle-drop", "mtu-black-hole"})
    e.until = e.start + 300


@anomaly
def request_refused_unread(e, n):
    """A server out of file descriptors: it accepts, and drops."""
    def client(c, conn):
        yield e.rng.uniform(0, 0.05)
        yield from exchange(c, conn)
        c.close()

    def server(s, conn):
        yield (s, None)  # there is something to read
        s.abort()
    for at in e.times(n):
        e.open(client, server, at=at, must={"request-refused-unread"}, may={"server-closed-without-response", "rst-after-close"})


@anomaly
def tunnel_idle_timeout(e, n):
    timer = seconds(e, 4, 10, 60)

    def client(c, conn):
        c.write(request("/ws", headers="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
        yield from read_message(c, interim=True)
        for _ in range(e.rng.randint(1, 4)):
            c.write(b"\x81\x85maskhello")
            yield e.rng.uniform(0.05, timer / 3)
        yield from c.read()
        while not c.peer_fin and not c.error:
            yield from c.read()
        c.close()

    def server(s, conn):
        yield from read_message(s)
        s.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        while isinstance((yield from s.read(timer)), bytes):
            pass
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"tunnel-idle-timeout"}, may={"websocket-without-close"})


@anomaly
def announced_close_late(e, n):
    timer = seconds(e, 1, 2, 3)

    def client(c, conn):
        c.write(request("/", version="1.0"))
        while not c.peer_fin and not c.error:
            yield from c.read()
        c.close()

    def server(s, conn):
        yield from read_message(s)
        yield e.rng.expovariate(50)
        s.write(response(draw_size(e.rng) % 2000, version="1.0"))
        yield timer
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"announced-close-late"}, may={"close-not-executed"})


@anomaly
def fin_answered_late(e, n):
    timer = seconds(e, 5, 20, 30)

    def client(c, conn):
        yield from browse(c, conn, 1, 3, 0.3)
        yield e.rng.uniform(0.01, 0.3)
        c.shutdown()
        while not c.peer_fin and not c.error:
            yield from c.read()
        c.close()

    def server(s, conn):
        while True:
            message = yield from read_message(s)
            if failed(message):
                break
            s.write(response(draw_size(e.rng)))
        yield timer
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"fin-answered-late"}, may={"fin-wait2-pileup"})
    e.until = e.start + 200


@anomaly
def server_process_ended(e, n):
    """All connections of a server end at one moment, busy ones too, and nobody listens any more."""
    end = e.start + 12

    def client(c, conn):
        yield from browse(c, conn, 1, 2, 0.3)
        if conn.busy:
            yield end - 1 - e.rng.uniform(0, 2) - e.sim.now
            yield from exchange(c, conn, request("/slow"))
        while not c.peer_fin and not c.error:
            yield from c.read()
        c.close()

    def server(s, conn):
        while e.sim.now < end:
            message = yield from read_message(s, max(end - e.sim.now, 0.001))
            if failed(message):
                break
            if conn.busy and e.sim.now > end - 4:
                yield end - e.sim.now
                break
            yield e.rng.expovariate(50)
            s.write(response(draw_size(e.rng)))
        s.close()

    may = {"server-closed-without-response", "shutdown-burst", "rst-after-close", "server-idle-timeout", "request-fin-race",
           "connection-lifetime-limit"}
    for number, at in enumerate(e.times(n)):
        def set_up(conn, number=number):
            conn.busy = number % 2 == 0
        e.open(client, server, at=min(at, 4), must={"server-process-ended"} if number % 2 == 0 else (), may=may, set_up=set_up)

    def refused(conn):
        conn.server.state = "closed"
    for i in range(3):
        e.open(lambda c, conn: iter(()), keep, at=12.2 + i * 0.3, must={"connection-refused"}, set_up=refused,
               may={"server-process-ended"})
