"""WebSocket in tunnels of HTTP/1: how it ends, and pings that nobody answers."""
from scenario import anomaly, seconds
from websocket import PING, accept, ask, chat, close_frame, frame, is_data


def reads_to_the_end(sock):
    while is_data((yield from sock.read())):
        pass
    sock.close()


MAY = {"client-abort", "shutdown-burst", "connection-lifetime-limit", "tunnel-idle-timeout", "rst-after-close"}


@anomaly
def websocket_without_close(e, n):
    by_server = e.rng.random() < 0.5

    def client(c, conn):
        yield from ask(c)
        yield from chat(c, e, True)
        if by_server:
            yield from reads_to_the_end(c)
        else:
            yield e.rng.uniform(0.1, 5) + 2 * conn.rtt
            conn.must.add("websocket-without-close")
            c.close()

    def server(s, conn):
        yield from accept(s)
        yield from chat(s, e, False)
        if by_server:
            yield e.rng.uniform(3, 9) + 2 * conn.rtt
            conn.must.add("websocket-without-close")
            s.close()
        else:
            yield from reads_to_the_end(s)
    for at in e.times(n):
        e.open(client, server, at=at, may=MAY | {"server-process-ended"})


@anomaly
def websocket_closed_with_error(e, n):
    code = e.rng.choice((1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013))

    def client(c, conn):
        yield from ask(c)
        yield from chat(c, e, True)
        while is_data(got := (yield from c.read())):
            if got[-4:-2] == b"\x88\x02":
                c.write(close_frame(code, True))
        c.close()

    def server(s, conn):
        yield from accept(s)
        yield from chat(s, e, False)
        s.write(close_frame(code))
        conn.must.add("websocket-closed-with-error")
        yield from s.read(1)
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=MAY)


@anomaly
def websocket_ping_unanswered(e, n):
    """The client's program hangs; the server pings, and gives up with 1011 or without a word."""
    patience, says = seconds(e, 2, 10, 20), e.rng.random() < 0.5

    def client(c, conn):
        yield from ask(c)
        yield from chat(c, e, True)
        yield 2 * patience + 60
        c.close()

    def server(s, conn):
        yield from accept(s)
        while is_data((yield from s.read(5))):
            pass
        s.write(frame(PING, b"1"))
        conn.must.add("ping-unanswered")
        yield patience + 2 * conn.rtt
        if says:
            s.write(close_frame(1011))
        s.close()
    for at in e.times(n):
        e.open(client, server, at=at, may=MAY | {"websocket-closed-with-error", "websocket-without-close", "fin-wait2-pileup",
                                                 "fin-answered-late", "announced-close-late"})
