"""One end of a TCP connection, as Linux behaves where it shows on the wire, and scripts that use it.

Scripts are generators: `yield 0.5` sleeps, `yield from sock.read(timeout)` waits for bytes.
Numbers are relative: an end's SYN is 0, its first byte 1.
"""
import struct

from net import ACK, CLIENT, FIN, PSH, RST, SYN, Packet, cancel

TIMEOUT, RESET = "timeout", "reset"
SCALE = 7
TIME_WAIT_S = FIN_WAIT_S = 60.0


class Task:
    """Runs a script. It waits either for a time or for something to happen at a socket."""

    def __init__(self, sim, script):
        self.sim, self.script, self.timer, self.sock = sim, script, None, None
        sim.after(0, self.step, None)

    def step(self, value):
        self.timer = None
        try:
            wait = self.script.send(value)
        except StopIteration:
            return
        if isinstance(wait, (int, float)):
            self.timer = self.sim.after(max(wait, 0), self.step, None)
            return
        self.sock, timeout = wait
        self.sock.waiter = self
        if timeout is not None:
            self.timer = self.sim.after(timeout, self.give_up)

    def give_up(self):
        self.sock.waiter = None
        self.step(False)

    def wake(self, delay):
        cancel(self.timer)
        self.sock.waiter = None
        self.timer = self.sim.after(delay, self.step, True)


class Sock:
    def __init__(self, conn, end, rng, *, nagle=False, keep_alive=None, buffer=262144, quick=True):
        self.conn, self.end, self.rng, self.sim = conn, end, rng, conn.sim
        self.nagle, self.keep_alive, self.buffer, self.quick = nagle, keep_alive, buffer, quick
        self.mss = conn.mss
        self.state = "closed"  # closed, syn_sent, syn_rcvd, open, time_wait; FINs are flags
        self.una, self.nxt, self.top = 0, 0, 0  # top: highest ever sent
        self.out, self.base = bytearray(), 1
        self.rcv_nxt, self.received, self.inbox = 0, bytearray(), bytearray()
        self.holes = {}  # what arrived ahead: seq -> bytes, fin
        self.peer_win, self.win_seq, self.cwnd, self.edge = 64240, 0, 10 * self.mss, 0
        self.fin_wanted = self.fin_sent = self.fin_acked = self.peer_fin = self.orphan = False
        self.error = self.fin_at = None  # fin_at: when the peer's FIN came
        self.shut_since = None  # the peer's window
        self.active = False  # closed first, as far as it knew
        self.waiter = None
        self.rto_timer = self.ack_timer = self.probe_timer = self.life_timer = None
        self.rto, self.backoff, self.dup_acks, self.recover, self.pending = 1.0, 0, 0, 0, 0
        self.probes, self.ident, self.stalled_since = 0, rng.randrange(65536), 0.0
        self.clock = rng.randrange(1 << 31)  # of timestamps
        self.echo, self.dsack, self.last_heard = 0, None, 0.0
        self.ttl = 64
        self.syn_tries = 6

    # ---- what scripts call

    def connect(self, timeout=None):
        self.state = "syn_sent"
        self.top = self.nxt = 1
        self.send_syn()
        ready = yield (self, timeout)
        if not ready:
            self.state, self.error = "closed", TIMEOUT
            self.stop_timers()
        return self.state == "open"

    def readable(self):
        return bool(self.received or self.peer_fin or self.error)

    def read(self, timeout=None):
        """Bytes; b"" at the end; TIMEOUT; RESET."""
        if not self.readable():
            ready = yield (self, timeout)
            if not ready:
                return TIMEOUT
        if self.received:
            data = bytes(self.received)
            self.received.clear()
            if self.edge < self.rcv_nxt + min(self.buffer, 2 * self.mss) and self.state == "open":
                self.send_ack()  # the window opens
            return data
        return RESET if self.error else b""

    def write(self, data):
        if self.state == "open" and not self.fin_wanted:
            self.out += data
            self.output()
        return self.state == "open"

    def shutdown(self):
        if self.state in ("open", "syn_rcvd") and not self.fin_wanted:
            self.fin_wanted = True
            self.output()

    def close(self):
        """close(): a reset if there are unread bytes, else a FIN; nobody is there any more."""
        if self.state == "syn_sent":
            self.die()
        elif self.state == "open" and not self.orphan:
            if self.received:
                self.abort()
                return
            self.orphan = True
            cancel(self.life_timer)
            self.life_timer = None
            self.shutdown()
            self.advance()

    def abort(self):
        """close() with linger 0, or with unread data."""
        if self.state == "open":
            self.emit(RST | ACK, self.nxt, b"", plain=True)
        self.die()

    # ---- sending

    def window(self):
        return max(self.buffer - len(self.received), 0)

    def stamp(self):
        return self.clock + int(self.sim.now * 1000) & 0xFFFFFFFF

    def options(self, flags):
        if flags & SYN:
            return b"\x02\x04\x05\xb4\x04\x02\x08\x0a" + struct.pack("!II", self.stamp(), self.echo) + b"\x01\x03\x03\x07"
        base = b"\x01\x01\x08\x0a" + struct.pack("!II", self.stamp(), self.echo)
        blocks = self.sack_blocks()
        return base if not blocks else base + struct.pack("!BBBB", 1, 1, 5, 2 + 8 * len(blocks)) + b"".join(
            struct.pack("!II", *block) for block in blocks)

    def sack_blocks(self):
        blocks, peer = [], self.conn.iss[1 - self.end]
        if self.dsack:
            blocks.append(self.dsack)
            self.dsack = None
        ranges = []
        for seq in sorted(self.holes):
            end = seq + len(self.holes[seq][0]) + self.holes[seq][1]
            if ranges and seq <= ranges[-1][1]:
                ranges[-1][1] = max(end, ranges[-1][1])
            else:
                ranges.append([seq, end])
        blocks += ranges
        return [(peer + a & 0xFFFFFFFF, peer + b & 0xFFFFFFFF) for a, b in blocks[:3]]

    def emit(self, flags, seq, payload=b"", plain=False):
        """One packet with the ACK of all that was received. plain: a reset has no options."""
        if flags & ACK:
            cancel(self.ack_timer)
            self.ack_timer, self.pending = None, 0
        win = 0 if plain and flags & RST else min(self.window(), 64240) if flags & SYN else self.window() >> SCALE
        if not flags & RST:
            self.edge = self.rcv_nxt + (win if flags & SYN else win << SCALE)
        self.ident = self.ident + 1 & 0xFFFF
        self.conn.path.send(Packet(self.end, flags, seq, self.rcv_nxt, win, payload,
                                   b"" if plain else self.options(flags), self.ident, self.ttl))

    def send_ack(self):
        self.emit(ACK, self.nxt)

    def send_syn(self):
        self.emit(SYN if self.end == CLIENT else SYN | ACK, 0)
        self.arm_rto()

    def output(self):
        end = self.base + len(self.out)
        if self.state != "open":
            return
        while self.nxt < end:
            size = min(self.mss, end - self.nxt)
            room = self.una + min(self.cwnd, self.peer_win) - self.nxt
            if size > room:
                if self.nxt > self.una or room <= 0:
                    break
                size = room
            last = self.nxt + size == end
            if self.nagle and size < self.mss and self.nxt > self.una and not self.fin_wanted:
                break
            flags = ACK | (PSH if last else 0)
            if last and self.fin_wanted:
                flags |= FIN
                self.note_fin()
            self.emit(flags, self.nxt, bytes(self.out[self.nxt - self.base:self.nxt - self.base + size]))
            self.nxt += size + bool(flags & FIN)
            self.top = max(self.top, self.nxt)
        if self.fin_wanted and not self.fin_sent and self.nxt == end:
            self.note_fin()
            self.emit(FIN | ACK, self.nxt)
            self.nxt += 1
            self.top = max(self.top, self.nxt)
        if self.nxt > self.una:
            if not self.rto_timer:
                self.arm_rto()
        elif self.nxt < end and self.peer_win < min(self.mss, end - self.nxt) and not self.probe_timer:
            self.probes, self.shut_since = 0, self.sim.now
            self.probe_timer = self.sim.after(self.rto, self.window_probe)

    def note_fin(self):
        self.fin_sent, self.active = True, not self.peer_fin

    def arm_rto(self):
        cancel(self.rto_timer)
        self.rto_timer = self.sim.after(min(self.rto * 2 ** self.backoff, 120), self.retransmit)

    def retransmit(self):
        self.rto_timer = None
        self.backoff += 1
        if self.state in ("syn_sent", "syn_rcvd"):
            if self.backoff > self.syn_tries:
                self.fail(TIMEOUT)
                return
            self.send_syn()
            return
        if self.una >= self.nxt:
            return
        if self.backoff > (8 if self.orphan else 15):
            self.fail(TIMEOUT)
            return
        if self.backoff == 1:
            self.stalled_since = self.sim.now - self.rto
        self.cwnd, self.recover = self.mss, self.top
        self.resend_first()
        self.arm_rto()

    def resend_first(self):
        offset = self.una - self.base
        payload = bytes(self.out[offset:offset + min(self.mss, max(self.peer_win, 1), self.top - self.una)])
        flags = ACK | (PSH if payload else 0)
        if self.fin_sent and self.una + len(payload) == self.base + len(self.out):
            flags |= FIN
        self.emit(flags, self.una, payload)

    def window_probe(self):
        self.probe_timer = None
        if self.state != "open" or self.peer_win > 0 or self.nxt >= self.base + len(self.out):
            return
        self.emit(ACK, self.una - 1)
        self.probes += 1
        self.probe_timer = self.sim.after(self.rto * 2 ** self.probes, self.window_probe)

    def keep_alive_due(self):
        """keep_alive: idle, interval, count."""
        idle, interval, count = self.keep_alive
        self.life_timer = None
        if self.state != "open" or self.orphan:
            return
        quiet = self.sim.now - self.last_heard
        if quiet < idle - 1e-6 or self.nxt > self.una:
            self.probes = 0
            self.life_timer = self.sim.after(max(idle - quiet, interval), self.keep_alive_due)
            return
        if self.probes >= count:
            self.emit(RST | ACK, self.nxt, plain=True)
            self.fail(TIMEOUT)
            return
        self.probes += 1
        self.emit(ACK, self.nxt - 1)
        self.life_timer = self.sim.after(interval, self.keep_alive_due)

    # ---- receiving

    def answer_reset(self, p):
        """There is no such socket."""
        if p.flags & RST:
            return
        if p.payload and not self.conn.healthy:
            self.conn.may.add("rst-after-close")  # true in any case
        if p.flags & ACK:
            self.conn.path.send(Packet(self.end, RST, p.ack, 0, ttl=self.ttl, numbers=p.numbers and (p.numbers[1], 0)))
        else:
            ack = self.conn.iss[p.end] + p.seq + len(p.payload) + bool(p.flags & (SYN | FIN))
            self.conn.path.send(Packet(self.end, RST | ACK, 0, ack - self.conn.iss[p.end], ttl=self.ttl,
                                       numbers=(0, ack & 0xFFFFFFFF)))

    def input(self, p):
        self.last_heard, self.probes = self.sim.now, 0
        if len(p.options) >= 12 and p.seq <= self.rcv_nxt:
            at = 8 if p.flags & SYN else 4
            self.echo = int.from_bytes(p.options[at:at + 4], "big")
        if self.state == "listen":
            self.input_listen(p)
        elif self.state == "closed":
            self.answer_reset(p)
        elif self.state == "syn_sent":
            self.input_syn_sent(p)
        elif p.flags & RST:
            self.input_reset(p)
        elif self.state == "syn_rcvd":
            self.input_syn_rcvd(p)
        elif p.flags & SYN:
            self.send_ack()  # a repeated SYN-ACK, or a challenge
        elif self.state == "time_wait":
            if p.flags & FIN or p.payload:
                self.send_ack()
        else:
            self.input_open(p)

    def input_listen(self, p):
        if p.flags & SYN:
            self.state, self.rcv_nxt, self.peer_win = "syn_rcvd", 1, p.win
            self.top = self.nxt = 1
            self.send_syn()
        else:
            self.answer_reset(p)

    def input_syn_sent(self, p):
        if p.flags & RST:
            if p.flags & ACK and p.ack == 1:
                self.fail(RESET)
            return
        if not p.flags & SYN:
            if p.numbers:  # the old connection's: it is not there any more
                self.answer_reset(p)
            return
        self.rcv_nxt, self.peer_win = 1, p.win
        self.establish(p)
        self.send_ack()
        self.wake()

    def input_syn_rcvd(self, p):
        if p.flags & SYN:
            self.send_syn()
            return
        if p.flags & ACK and p.ack >= 1 and self.conn.accepts(p):
            self.establish(p)
            self.conn.accepted()
            self.input_open(p)

    def establish(self, p):
        self.state, self.una, self.nxt, self.backoff = "open", 1, 1, 0
        self.top = max(self.top, 1)
        cancel(self.rto_timer)
        self.rto_timer = None
        self.rto = self.conn.rtt + 0.2 + self.conn.rtt * self.rng.uniform(0, 0.3)
        if self.keep_alive:
            self.life_timer = self.sim.after(self.keep_alive[0], self.keep_alive_due)

    def input_reset(self, p):
        if p.seq == self.rcv_nxt or p.seq == self.rcv_nxt - 1 and self.peer_fin:
            self.fail(RESET)
        elif self.rcv_nxt < p.seq < self.edge:
            self.send_ack()  # RFC 5961

    def input_open(self, p):
        if p.flags & ACK:
            self.input_ack(p)
        if self.state != "open":
            return
        end = p.seq + len(p.payload)
        if p.payload and self.orphan and end > self.rcv_nxt:
            self.answer_reset(p)
            self.die()
            return
        if p.payload or p.flags & FIN:
            self.input_data(p, end)
        elif p.seq < self.rcv_nxt:
            self.send_ack()  # a probe
        self.advance()

    def input_ack(self, p):
        if p.ack > self.top:
            return
        old_win = self.peer_win
        if p.seq >= self.win_seq and p.ack >= self.una:  # an overtaken segment says nothing of the window
            self.win_seq, self.peer_win = p.seq, p.win << SCALE
        if self.shut_since is not None and self.peer_win:
            if self.sim.now - self.shut_since > 0.9:
                self.conn.may.add("zero-window-stall")  # the window's opening was lost
            self.shut_since = None
        if p.ack > self.una:
            acked = p.ack - self.una
            self.una = p.ack
            self.nxt = max(self.nxt, self.una)
            drop = min(self.una - self.base, len(self.out))
            if drop > 0:
                del self.out[:drop]
                self.base += drop
            if self.fin_sent and self.una > self.base + len(self.out):
                self.fin_acked = True
            if self.backoff and self.sim.now - self.stalled_since > 0.9:
                self.conn.may.add("retransmission-stall")  # the noise of losses can do that
            self.dup_acks = self.backoff = 0
            self.cwnd += acked
            cancel(self.rto_timer)
            self.rto_timer = None
            if self.una < self.recover and self.una < self.nxt:
                self.resend_first()
            if self.una < self.nxt:
                self.arm_rto()
        elif p.ack == self.una and self.nxt > self.una and not p.payload and old_win == self.peer_win \
                and not p.flags & FIN and p.seq == self.rcv_nxt:
            self.dup_acks += 1
            if self.dup_acks == 3 and self.una >= self.recover:
                self.recover = self.top
                self.resend_first()
                self.arm_rto()
        self.output()

    def input_data(self, p, end):
        fin = bool(p.flags & FIN)
        if end + fin <= self.rcv_nxt:
            self.dsack = (p.seq, end + fin)
            self.send_ack()
            return
        if p.seq > self.rcv_nxt:
            self.holes[p.seq] = (p.payload, fin)
            self.send_ack()
            return
        if p.payload and self.window() == 0:
            self.send_ack()
            return
        filled = bool(self.holes)
        self.take(p.seq, p.payload, fin)
        while self.holes:
            seq = min(self.holes)
            if seq > self.rcv_nxt:
                break
            self.take(seq, *self.holes.pop(seq))
        self.pending += len(p.payload)
        if filled or self.pending >= 2 * self.mss or self.quick or self.window() < self.mss:
            self.ack_soon(0)
        elif not self.ack_timer:
            self.ack_soon(0.04)
        if self.readable():
            self.wake()

    def ack_soon(self, delay):
        """Linux acknowledges after the application had its chance to answer; at once if it must."""
        if delay == 0:
            self.send_ack()
        else:
            self.ack_timer = self.sim.after(delay, self.delayed_ack)

    def delayed_ack(self):
        self.ack_timer = None
        if self.state == "open":
            self.send_ack()

    def take(self, seq, payload, fin):
        new = payload[self.rcv_nxt - seq:]
        self.received += new
        self.rcv_nxt += len(new)
        if fin and not self.peer_fin and seq + len(payload) == self.rcv_nxt:
            self.rcv_nxt += 1
            self.peer_fin, self.fin_at = True, self.sim.now

    # ---- ends

    def advance(self):
        """Where the FINs stand."""
        if self.state != "open" or not self.fin_acked:
            return
        if self.peer_fin:
            if self.active:
                self.stop_timers()
                if self.ack_timer or self.pending:
                    self.send_ack()
                self.state = "time_wait"
                self.life_timer = self.sim.after(TIME_WAIT_S, self.die)
            else:
                self.die()
        elif self.orphan and not self.life_timer:
            self.life_timer = self.sim.after(FIN_WAIT_S, self.die)

    def stop_timers(self):
        for name in ("rto_timer", "probe_timer", "life_timer"):
            cancel(getattr(self, name))
            setattr(self, name, None)

    def die(self):
        self.stop_timers()
        cancel(self.ack_timer)
        self.ack_timer = None
        self.state = "closed"

    def fail(self, error):
        self.die()
        self.error = error
        self.wake()

    def wake(self):
        if self.waiter:
            self.waiter.wake(self.rng.uniform(0.00001, 0.0001))
