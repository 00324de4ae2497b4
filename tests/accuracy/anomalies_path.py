"""The path (E), stalls and habits (F)."""
from healthy import browse, keep
from net import CLIENT, RST, SERVER, Packet
from scenario import CLIENT_POINT, SERVER_POINT, anomaly, not_slow, seconds
from world import exchange, read_message, request


# ---- E. the path

@anomaly
def injected_reset(e, n):
    """A device between the ends resets both, idle or in an exchange; its packets have another TTL."""
    ttl = e.rng.choice((255, 128, 255))

    def client(c, conn):
        yield from browse(c, conn, 1, 3, 0.3)
        yield e.rng.uniform(0.5, 3)
        if e.rng.random() < 0.5:
            conn.slow = True
            c.write(request("/slow"))
        yield 0.3 + conn.rtt
        for end, to in ((CLIENT, conn.server), (SERVER, conn.client)):
            conn.path.send(Packet(end, RST, to.rcv_nxt, 0, 0, ident=e.rng.randrange(1, 65536), ttl=ttl), conn.path.middle)
        yield from c.read(5)
        c.close()
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, think=lambda: 10 if conn.slow else 0.01), at=at,
               must={"injected-reset"}, may={"rst-after-close"}, set_up=not_slow)


@anomaly
def silent_idle_drop(e, n):
    """A device forgets connections that were quiet for a time, and says nothing."""
    timer = seconds(e, 60, 240, 350)

    def client(c, conn):
        yield from exchange(c, conn)
        yield timer * e.rng.uniform(0.3, 0.8)
        yield from exchange(c, conn)
        yield timer * e.rng.uniform(1.05, 1.5)
        conn.path.drop = lambda p, now: conn.path.middle + 0.01 if p.end == CLIENT else 0.99 - conn.path.middle
        conn.must.add("silent-idle-drop")
        conn.blind.add(SERVER_POINT)
        c.write(request("/after-rest"))
        yield 20 + e.rng.uniform(0, 20)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, may={"retransmission-stall", "client-abort", "client-timeout", "fin-unanswered",
                                          "keepalive-probe-timeout", "peer-unreachable"})
    e.until = e.start + 1200


@anomaly
def keepalive_probe_timeout(e, n):
    interval = e.rng.uniform(1, 5)

    def client(c, conn):
        yield from exchange(c, conn)
        c.keep_alive = (5, interval, 4)
        c.keep_alive_due()
        conn.path.drop = lambda p, now: 1.0 if p.end == CLIENT else -1
        conn.server.stop_timers()
        yield from c.read()
        c.close()

    def quiet(conn):
        conn.client.keep_alive = conn.server.keep_alive = None
    for at in e.times(n):
        e.open(client, keep, at=at, must={"keepalive-probe-timeout"}, set_up=quiet)


@anomaly
def retransmission_stall(e, n):
    """The end of a response is lost several times."""
    def client(c, conn):
        yield from browse(c, conn, 1, 2, 0.3)
        conn.victim = None
        conn.left = 3

        def drop(p, now):
            if p.end == SERVER and p.payload and conn.left and (conn.victim is None or p.seq == conn.victim):
                conn.victim, conn.left = p.seq, conn.left - 1
                return 0.97
            return None
        conn.path.drop = drop
        yield from exchange(c, conn)
        c.close()
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, size=lambda: e.rng.randint(10, 1000)), at=at,
               must={"retransmission-stall"}, set_up=lambda conn: conn.blind.add(CLIENT_POINT))


@anomaly
def mtu_black_hole(e, n):
    def client(c, conn):
        yield from exchange(c, conn, timeout=30)
        c.close()

    def small(conn):
        conn.mss = conn.client.mss = conn.server.mss = 1448
        conn.path.drop = lambda p, now: 0.97 if len(p.payload) > 1300 else None
        conn.blind.add(CLIENT_POINT)
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, size=lambda: 30000), at=at, must={"mtu-black-hole"}, set_up=small,
               may={"retransmission-stall", "client-timeout", "client-abort", "rst-after-close", "peer-unreachable"})


# ---- F. stalls and habits

@anomaly
def zero_window_stall(e, n):
    def client(c, conn):
        c.write(request("/large"))
        yield (c, None)
        yield e.rng.uniform(2, 6) + conn.rtt
        yield from read_message(c)
        c.close()
    for at in e.times(n):
        e.open(client, lambda s, conn: keep(s, conn, size=lambda: 100000), at=at, must={"zero-window-stall"},
               set_up=small_buffer)


def small_buffer(conn):
    conn.client.buffer = 16384


@anomaly
def delayed_ack_stall(e, n):
    def client(c, conn):
        for i in range(e.rng.randint(4, 8)):
            text = request(f"/{i}", "POST", 50)
            head = text.index(b"\r\n\r\n") + 4
            c.write(text[:head])
            c.write(text[head:])
            yield from read_message(c)
            yield 0.2
        c.close()

    def nagle(conn):
        conn.client.nagle, conn.server.quick = True, False
    for at in e.times(n):
        e.open(client, keep, at=at, must={"delayed-ack-stall"}, set_up=nagle)


@anomaly
def expect_continue_stall(e, n):
    def client(c, conn):
        for i in range(e.rng.randint(1, 3)):
            text = request(f"/{i}", "POST", 5000, "Expect: 100-continue\r\n")
            head = text.index(b"\r\n\r\n") + 4
            c.write(text[:head])
            yield 1.0
            c.write(text[head:])
            yield from read_message(c)
            yield 0.2
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, must={"expect-continue-stall"})


@anomaly
def no_connection_reuse(e, n):
    def client(c, conn):
        yield from exchange(c, conn)
        c.close()
    for at in e.times(12 * n, 0.08):
        e.open(client, keep, at=at, must={"no-connection-reuse"})


@anomaly
def fin_unanswered(e, n):
    def client(c, conn):
        yield from exchange(c, conn)
        yield e.rng.uniform(1, 5)
        conn.path.drop = lambda p, now: 1.0 if p.end == CLIENT else -1
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, must={"fin-unanswered"})
    e.until = e.start + 300
