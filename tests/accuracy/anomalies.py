"""One scenario for each way that a connection goes wrong: scripts, and what has to be told.

The truth comes from the simulation where it depends on timing: a script asks its own kernel how long it
had had the peer's FIN, which hangup has to find out from packets.
"""
from net import ACK, CLIENT, RST, SERVER, Packet
from healthy import browse, keep
from tcp import RESET, TIMEOUT
from world import draw_size, exchange, failed, read_message, request, response, serve

ANOMALIES = {}
CLIENT_POINT, BETWEEN_POINT, SERVER_POINT = range(3)


def anomaly(function):
    ANOMALIES[function.__name__.replace("_", "-")] = function
    return function


def seconds(e, *usual):
    """A timer as people set it: mostly whole seconds."""
    return e.rng.choice(usual) if e.rng.random() < 0.7 else e.rng.uniform(min(usual), max(usual))


def background(e, n):
    """Healthy connections to the same server."""
    def client(c, conn):
        yield from browse(c, conn, 2, 4)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, which=1, name=e.name + " (background)")


def closing(**how):
    """A server script: serve, then close."""
    def server(s, conn):
        yield from serve(s, conn, **how)
        s.close()
    return server


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
        conn.may |= {"request-fin-race", "request-on-closed-connection"}

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


def not_slow(conn):
    conn.slow = False


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
        yield from exchange(c, conn)
        yield from c.read()
        c.close()
        e.open(second, keep, at=e.sim.now - e.start + e.rng.uniform(2, 20), port=conn.port[CLIENT],
               must={"port-reuse-in-time-wait"}, set_up=lambda new: old_numbers(new, conn))

    def second(c, conn):
        yield from exchange(c, conn)
        c.close()

    def old_numbers(new, old):
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
                                          "keepalive-probe-timeout"})
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
               may={"retransmission-stall", "client-timeout", "client-abort", "rst-after-close"})


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
