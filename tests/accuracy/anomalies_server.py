"""The server ends an exchange early (B), and what goes wrong before the first request (D)."""
from healthy import browse, keep
from net import ACK, CLIENT, RST, SERVER, Packet
from scenario import SERVER_POINT, anomaly, background, closing, seconds
from tcp import RESET, TIMEOUT
from world import draw_size, exchange, failed, read_message, request, response, serve


# ---- B. the server ends an exchange early

def broken(e, n, rule, server, may=(), client=None, headers=""):
    """Connections whose last exchange goes wrong after some good ones."""
    def usual(c, conn):
        yield from browse(c, conn, 0, 3, 0.3)
        conn.armed = True
        yield from exchange(c, conn, request("/last", headers=headers))
        if not c.peer_fin and not c.error:
            yield from c.read()
        c.close()

    def serving(s, conn):
        while True:
            message = yield from read_message(s)
            if failed(message):
                s.close()
                return
            if conn.armed:
                conn.must.add(rule)
                yield from server(s, conn)
                return
            yield e.rng.expovariate(50)
            s.write(response(draw_size(e.rng)))

    def unarmed(conn):
        conn.armed = False
    for at in e.times(n):
        e.open(client or usual, serving, at=at, may=may, set_up=unarmed)
    background(e, 2)


@anomaly
def closed_without_response_timer(e, n):
    timer = seconds(e, 1, 2, 5, 10, 30)

    def server(s, conn):
        yield timer
        s.close()
    broken(e, n, "server-closed-without-response", server, {"rst-after-close"})


@anomaly
def closed_without_response_crash(e, n):
    def server(s, conn):
        yield e.rng.expovariate(20)
        s.close() if e.rng.random() < 0.5 else s.abort()
    broken(e, n, "server-closed-without-response", server, {"rst-after-close"})


@anomaly
def response_truncated(e, n):
    kind = e.rng.choice(("length", "chunked", "delimited"))
    reset = kind == "delimited" or e.rng.random() < 0.4

    def server(s, conn):
        size = e.rng.randint(2000, 40000)
        whole = response(size, chunked=kind == "chunked", length=kind == "length")
        s.write(whole[:e.rng.randint(200, len(whole) - 7)])
        yield e.rng.uniform(0.1, 2)
        s.abort() if reset else s.close()
    broken(e, n, "response-truncated", server, {"rst-after-close"})


@anomaly
def response_destroyed_by_reset(e, n):
    def client(c, conn):
        text = request("/up", "POST", 1000000)
        at = 0
        while at < len(text) and not c.error and not c.peer_fin:
            c.write(text[at:at + 20000])
            at += 20000
            yield 0.001 + conn.rtt / 4
        yield from read_message(c, 5)
        c.close()

    def server(s, conn):
        yield from s.read()
        s.write(response(100, "413 Content Too Large", "Connection: close\r\n"))
        while not s.received:
            yield (s, 1.0)
        conn.must.add("response-destroyed-by-reset")
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may={"rst-after-close", "request-cut-by-server"})


@anomaly
def request_cut_by_server(e, n):
    timer = seconds(e, 2, 5, 10, 60)

    def client(c, conn):
        text = request("/up", "POST", 5000)
        c.write(text[:e.rng.randint(500, 4000)])
        yield from c.read()
        c.close()

    def server(s, conn):
        while True:
            data = yield from s.read(timer)
            if data == TIMEOUT or not data or data == RESET:
                break
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"request-cut-by-server"})


@anomaly
def interim_without_final(e, n):
    def server(s, conn):
        s.write(e.rng.choice((b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n", b"HTTP/1.1 102 Processing\r\n\r\n")))
        yield e.rng.uniform(0.2, 8)
        s.close()
    broken(e, n, "interim-without-final", server, {"server-closed-without-response", "response-truncated", "rst-after-close"})


@anomaly
def close_not_executed(e, n):
    patience = e.rng.uniform(8, 20)

    def client(c, conn):
        yield from exchange(c, conn)
        yield from c.read(patience)
        c.close()

    def server(s, conn):
        yield from serve(s, conn, limit=1, answer=lambda m, k: response(draw_size(e.rng), headers="Connection: close\r\n"))
        yield from s.read()
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"close-not-executed"})


# ---- D. before the first request

@anomaly
def idle_before_first_request(e, n):
    timer = seconds(e, 2, 5, 10, 60)

    def client(c, conn):
        yield from c.read()
        yield e.rng.uniform(0, 0.5)
        c.close()
    for at in e.times(n):
        e.open(client, closing(head=timer), at=at, must={"idle-before-first-request"})


@anomaly
def stalled_request_head(e, n):
    timer = seconds(e, 2, 5, 10, 60)

    def client(c, conn):
        c.write(request("/", headers="Cookie: " + "x" * 200 + "\r\n")[:e.rng.randint(20, 150)])
        yield from c.read()
        c.close()
    for at in e.times(n):
        e.open(client, closing(head=timer), at=at, must={"stalled-request-head"}, may={"request-cut-by-server"})


@anomaly
def connection_refused(e, n):
    def refused(conn):
        conn.server.state = "closed"
    for at in e.times(n):
        e.open(lambda c, conn: iter(()), keep, at=at, must={"connection-refused"}, set_up=refused)
    background(e, 2)


@anomaly
def connect_unanswered(e, n):
    def lost(conn):
        conn.path.drop = lambda p, now: 0.95
        conn.client.syn_tries = e.rng.randint(2, 4)
        conn.blind.add(SERVER_POINT)
    for at in e.times(n):
        e.open(lambda c, conn: iter(()), keep, at=at, must={"connect-unanswered"}, set_up=lost)
    background(e, 2)


@anomaly
def accept_queue_overflow(e, n):
    def full(conn):
        free_at = e.sim.now + e.rng.uniform(2.5, 9)
        conn.accepts = lambda p: e.sim.now > free_at

    def client(c, conn):
        yield from browse(c, conn, 1, 3)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, must={"accept-queue-overflow"}, set_up=full, may={"retransmission-stall"})


@anomaly
def port_reuse_in_time_wait(e, n):
    """A SYN that TIME_WAIT takes for an old duplicate, the client's reset, and the SYN again."""
    def first(c, conn):
        conn.over = True  # nobody else takes its port
        yield from exchange(c, conn)
        yield from c.read()
        c.close()
        e.open(second, keep, at=e.sim.now - e.start + e.rng.uniform(2, 20), port=conn.port[CLIENT],
               must={"port-reuse-in-time-wait"}, set_up=lambda new: old_numbers(new, conn))

    def second(c, conn):
        yield from exchange(c, conn)
        c.close()

    def old_numbers(new, old):
        new.blind |= {point for point, tap in enumerate(old.taps) if tap.first is None}
        new.iss[CLIENT] = old.iss[CLIENT] + old.client.nxt - e.rng.randrange(1000, 1 << 29) & 0xFFFFFFFF
        new.server.state = "time_wait"
        seq = old.iss[SERVER] + old.server.nxt & 0xFFFFFFFF
        ack = old.iss[CLIENT] + old.server.rcv_nxt & 0xFFFFFFFF
        plain = new.server.input

        def old_socket(p):
            if new.server.state != "time_wait" or new.server.top:
                plain(p)
            elif p.flags & RST:
                new.server.state = "listen"
            else:
                new.path.send(Packet(SERVER, ACK, 0, 0, 500, options=old.server.options(ACK), numbers=(seq, ack)))
        new.server_input = old_socket

    def server(s, conn):
        yield from serve(s, conn, limit=1, answer=lambda m, k: response(100, headers="Connection: close\r\n"))
        s.close()
    for at in e.times(n):
        e.open(first, server, at=at, may={"port-reuse-in-time-wait"})


@anomaly
def tls_handshake_failed(e, n):
    hello = b"\x16\x03\x01\x00\xcc\x01\x00\x00\xc8\x03\x03" + bytes(range(32)) + b"\0" + b"\x00\x02\x13\x01\x01\x00" + \
        b"\x00\x9d" + b"\x00\x15\x00\x99" + bytes(153)

    def client(c, conn):
        c.write(hello)
        yield from c.read()
        yield 0.001
        while c.received:
            yield from c.read()
        c.close()

    alert = e.rng.random() < 0.7

    def server(s, conn):
        yield from s.read()
        yield e.rng.uniform(0.0005, 0.02)
        if alert:
            s.write(b"\x15\x03\x03\x00\x02\x02\x28")
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, must={"tls-handshake-failed"})
