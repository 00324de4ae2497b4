"""What the scenarios of anomalies share: where they register, and the usual scripts.

A scenario is a function of an episode and a number of connections; it opens them with two scripts each.
`must` names the rules that have to be told about a connection, `may` what is true as well. Where the truth
depends on timing a script finds it out: it asks its own kernel how long it had had the peer's FIN, which
hangup has to tell from packets.
"""
from healthy import browse, keep
from world import serve

ANOMALIES = {}
CLIENT_POINT, BETWEEN_POINT, SERVER_POINT = range(3)


def anomaly(function):
    ANOMALIES[function.__name__.replace("_", "-")] = function
    return function


def seconds(e, *usual):
    """A timer as people set it: mostly whole seconds."""
    return e.rng.choice(usual) if e.rng.random() < 0.7 else e.rng.uniform(min(usual), max(usual))


def background(e, n, which=1):
    """Healthy connections to the same server; which: from that client (0: the one with the anomaly)."""
    def client(c, conn):
        yield from browse(c, conn, 2, 4)
        c.close()
    for at in e.times(n):
        e.open(client, keep, at=at, which=which, name=e.name + " (background)")


def closing(**how):
    """A server script: serve, then close."""
    def server(s, conn):
        yield from serve(s, conn, **how)
        s.close()
    return server


def not_slow(conn):
    """For `set_up`: a script makes the server slow later."""
    conn.slow = False
