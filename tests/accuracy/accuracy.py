#!/usr/bin/env python3
"""How often hangup is right: simulated traffic with known truth, captured at three places, with and without
noise. README.md says what the tables mean.

    accuracy.py HANGUP [--connections N] [--healthy N] [--noise NAME,...] [--healthy-noise NAME,...] [--seed N]
                [--only SCENARIO,...] [--keep FOLDER] [--markdown FILE] [--check] [--verbose]

Truth: `must` names the rules that have to be told about a connection (in a finding's list or in its `also`),
`may` what is true as well; what stands in `also` only is never wrong, since another finding explains it. A
connection that misses a `must` counts as "cannot tell" if the capture lacks something of it (packets, payload,
its start), or of so many others that too few are left for a rule that compares them, else as missed. With
--check the exit status is 1 if a healthy connection was called an error or a warning, or recall is below the
bar.
"""
import argparse
import collections
import datetime
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True  # the sources may be read-only
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from anomalies import ANOMALIES  # noqa: E402
import healthy_http2  # noqa: E402,F401  (registers its own)
from healthy import HEALTHY  # noqa: E402
from net import POINTS, START, Pcap  # noqa: E402
from scenario import background  # noqa: E402
from world import NOISES, Episode  # noqa: E402

BAR = {False: 0.99, True: 0.97}  # recall without and with noise
ENOUGH = 60    # below so many verdicts, one miss says nothing about a single rule
TOGETHER = 8   # connections of one episode
PORTION = 10000

# Rules that compare the connections of a server with each other: how many there have to be at least.
LEAST = {"connection-lifetime-limit": 3, "keep-alive-margin": 3, "request-limit-close": 3,
         "shutdown-burst": 8,  # the rule asks for five, but so few seldom show rests that differ enough
         "request-refused-unread": 3, "announced-close-late": 3, "fin-answered-late": 3, "tunnel-idle-timeout": 3,
         "server-process-ended": 4, "fin-wait2-pileup": 20, "no-connection-reuse": 50}


# Scenarios of which every connection of the server is a part.
ALONE = {"request-refused-unread", "server-process-ended"}

# Scenarios that write TLS themselves, or where a head tells what there is to know.
NOT_WITHIN_TLS = {"tls", "tls-handshake-failed", "busy-loop-meets-announced-timer", "goaway-race", "stream-after-goaway",
                  "streams-lost-at-close", "refused-streams", "stream-cancelled", "too-many-pings", "close-without-goaway",
                  "http2-client-closes", "http2-idle-goaway", "grpc-connection-age", "ping-unanswered", "settings-unanswered",
                  "rapid-resets", "dead-connection-used", "websocket-without-close", "websocket-closed-with-error", "websocket-ping-unanswered",
                  "websocket-goodbye", "goaway-at-age", "http2-idle-client",
                  "stream-broken-off", "gives-up-while-draining", "http-version-mismatch"}

# Scenarios about a client whose program may run on many.
OF_FLEETS = {"client-timeout", "client-reset-at-deadline"}


# ---- traffic

def mixture(episode, scenario, size):
    """The anomaly on some connections, and one to many healthy ones of the same client and server."""
    noise = episode.noise
    if noise.fleet and episode.name in OF_FLEETS:
        episode.fleet = episode.rng.randint(size // 3, size)
        scenario(episode, size)
    else:
        scenario(episode, size if LEAST.get(episode.name, 0) > size else episode.rng.randint(3, size))
    if episode.name in ALONE:
        return
    for which in range(100, 100 + episode.fleet) if episode.fleet > 1 else [0]:
        background(episode, episode.rng.choice((1, 2, 3, 5, 8, 13, 21)) // (2 if episode.fleet > 1 else 1) or 1, which)


def generate(wanted, total, size, noise, seed, folder):
    """Write three captures of at least `total` connections, each scenario in turn; return the truth."""
    files = [Pcap(os.path.join(folder, point + ".pcap"), noise.snap) for point in POINTS]
    truth, start, planned = [], 0.0, 0
    while planned < total:
        for name, scenario in wanted.items():
            if noise.tls and name in NOT_WITHIN_TLS:
                continue
            number = int(start)
            episode = Episode(number, start, seed * 1000003 + number, noise, [file.add for file in files])
            episode.name, episode.healthy = name, name in HEALTHY
            if noise.mix and not episode.healthy:
                mixture(episode, scenario, size)
            else:
                scenario(episode, size)
            episode.sim.run(episode.until)
            truth += [conn.truth() for conn in episode.conns if any(tap.first is not None for tap in conn.taps)]
            start, planned = start + 1.0, planned + size
            for file in files:
                file.flush(start)
    for file in files:
        file.close()
    return truth


# ---- verdicts

def severities(hangup):
    """rule id -> severity, from `hangup rules list`."""
    listing = subprocess.run([hangup, "rules", "list"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {words[1]: words[0] for words in map(str.split, listing.splitlines())}


def seconds(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return at - START + float("0." + (rest or "0"))


class Verdicts:
    """What hangup told about each connection of the truth, at one capture point."""

    def __init__(self, hangup, path, truth, point, seal=None):
        options = []
        if seal and subprocess.run([seal, path, path + ".tls", path + ".keys"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
            options, path = ["--keylog", path + ".keys"], path + ".tls"
        run = subprocess.run([hangup, *options, "-o", "json", "--max-connections", "0", path], stdout=subprocess.PIPE, check=True)
        self.truth, self.point = truth, point
        self.listed = collections.defaultdict(set)  # in a finding of the rule
        self.told = collections.defaultdict(set)    # or explained by another one
        self.index = collections.defaultdict(list)
        for number, conn in enumerate(truth):
            if self.tap(number)["first"] is not None:
                self.index[conn["address"]].append(number)
        for finding in json.loads(run.stdout)["findings"]:
            for listed in finding["connections"]:
                number = self.find(listed)
                self.listed[number].add(finding["rule"]["id"])
                self.told[number] |= {finding["rule"]["id"], *listed["also"]}
            if finding["behind"]:  # told with it, of the server: its connections are not listed
                for number, conn in enumerate(truth):
                    if conn["address"][2:] == (finding["server"]["ip"], finding["server"]["port"]):
                        self.told[number].add(finding["behind"]["rule"]["id"])

    def tap(self, number):
        return self.truth[number]["taps"][self.point]

    def find(self, listed):
        """By its addresses and the time: ports are used again. Roles may be taken the wrong way round."""
        ends = [(listed[end]["ip"], listed[end]["port"]) for end in ("client", "server")]
        numbers = self.index.get((*ends[0], *ends[1])) or self.index[(*ends[1], *ends[0])]
        times = [listed["opened"], listed["closed"]] + [proof["time"] for proof in listed["evidence"]]
        at = seconds(next(time for time in times if time))
        return min((max(self.tap(n)["first"] - at, at - self.tap(n)["last"], 0), n) for n in numbers)[1]

    def whole(self, number):
        """Did this point see all of the connection?"""
        tap = self.tap(number)
        return tap["first"] is not None and not tap["missing"] and not tap["cut"] and \
            self.point not in self.truth[number]["blind"]

    def alarms(self, rules):
        """Healthy connections that were called an error or a warning."""
        for number, told in self.told.items():
            bad = sorted(rule for rule in told - self.truth[number]["may"] if rules[rule] in ("error", "warning"))
            if bad and self.truth[number]["healthy"]:
                yield number, bad


class Score:
    """Of one rule at one capture point."""

    def __init__(self, verdicts, rule):
        self.told = self.cannot = 0
        self.missed, self.wrong = [], []
        alike = collections.Counter(conn["address"][2:] for number, conn in enumerate(verdicts.truth)
                                    if rule in conn["must"] and verdicts.whole(number))
        for number, conn in enumerate(verdicts.truth):
            if verdicts.tap(number)["first"] is None:
                continue
            if rule not in conn["must"]:
                if rule in verdicts.listed[number] and rule not in conn["may"]:
                    self.wrong.append(number)
            elif rule in verdicts.told[number]:
                self.told += 1
            elif verdicts.whole(number) and alike[conn["address"][2:]] >= LEAST.get(rule, 1):
                self.missed.append(number)
            else:
                self.cannot += 1


def ratio(part, whole):
    return f"{part / whole:.3f}" if whole else "-"


class Tally:
    """Of one rule with one noise, at all capture points."""

    def __init__(self, scores):
        self.scores = scores
        self.told, self.missed, self.wrong = (sum(self.each(what)) for what in ("told", "missed", "wrong"))

    def each(self, what):
        values = [getattr(score, what) for score in self.scores]
        return [value if isinstance(value, int) else len(value) for value in values]

    def recall(self):
        if not self.told + self.missed and sum(self.each("cannot")):
            return "cannot tell"
        return ratio(self.told, self.told + self.missed)

    def below(self, noise):
        verdicts = self.told + self.missed
        return verdicts > 0 and self.told / verdicts < BAR[noise != "none"]


# ---- one run

class Run:
    def __init__(self, args):
        self.args, self.rules = args, severities(args.hangup)
        self.chosen = {**ANOMALIES, **HEALTHY}
        if args.only:
            self.chosen = {name: self.chosen[name] for name in args.only.split(",")}
        self.failures, self.tallies, self.agreement, self.wanted = [], {}, {}, set()

    def judge(self, scratch, name, wanted, count, noise, seed):
        folder = os.path.join(self.args.keep or scratch, name)
        os.makedirs(folder, exist_ok=True)
        truth = generate(wanted, count, TOGETHER, NOISES[noise], seed, folder)
        if self.args.keep:
            with open(os.path.join(folder, "truth.json"), "w") as file:
                json.dump(truth, file, indent=1, default=sorted)
        return truth, [Verdicts(self.args.hangup, os.path.join(folder, point + ".pcap"), truth, number, self.args.seal)
                       for number, point in enumerate(POINTS)]

    def show(self, noise, what, verdicts, number):
        client, port, server, server_port = verdicts.truth[number]["address"]
        print(f"{noise}: {what}: {verdicts.truth[number]['name']} {client}:{port} > {server}:{server_port}, at the "
              f"{POINTS[verdicts.point]}", file=sys.stderr)

    def count_alarms(self, noise, points):
        alarms = 0
        for verdicts in points:
            for number, bad in verdicts.alarms(self.rules):
                alarms += 1
                self.show(noise, f"false alarm: {' '.join(bad)}", verdicts, number)
        return alarms

    def mixed(self, noise, scratch):
        """All scenarios: recall and precision of each rule, agreement of the capture points."""
        truth, points = self.judge(scratch, noise, self.chosen, self.args.connections, noise, self.args.seed)
        self.wanted |= {rule for conn in truth for rule in conn["must"]}
        tallies = self.tallies[noise] = {rule: Tally([Score(verdicts, rule) for verdicts in points])
                                         for rule in sorted(self.rules)}
        for rule, tally in tallies.items():
            if tally.below(noise) and tally.told + tally.missed >= ENOUGH:
                self.failures.append(f"{noise}: recall of {rule}: {tally.recall()}")
            for verdicts, score in zip(points, tally.scores):
                for what in ("missed", "wrong") if self.args.verbose else ():
                    for number in getattr(score, what):
                        self.show(noise, f"{what} {rule}", verdicts, number)
        everything = Tally([score for tally in tallies.values() for score in tally.scores])
        if everything.below(noise):
            self.failures.append(f"{noise}: recall of all rules together: {everything.recall()}")
        seen = [n for n in range(len(truth)) if all(verdicts.whole(n) for verdicts in points)]
        differ = [n for n in seen if any(verdicts.listed[n] != points[0].listed[n] for verdicts in points)]
        for number in differ if self.args.verbose else ():
            self.show(noise, f"points differ: {[sorted(v.listed[number]) for v in points]}", points[0], number)
        alarms = self.count_alarms(noise, points)
        if alarms:
            self.failures.append(f"{noise}: {alarms} false errors or warnings")
        self.agreement[noise] = (len(truth), len(seen), len(seen) - len(differ), alarms)

    def healthy(self, noise, scratch):
        """Many healthy connections, in portions. Returns a line of the table."""
        alarms = total = portion = 0
        while total < self.args.healthy:
            seed = self.args.seed + 100 + portion
            truth, points = self.judge(scratch, f"healthy-{noise}", HEALTHY, min(self.args.healthy - total, PORTION),
                                       noise, seed)
            alarms += self.count_alarms(f"{noise}, seed {seed}", points)
            total, portion = total + len(truth), portion + 1
        if alarms:
            self.failures.append(f"{noise}: {alarms} false errors or warnings on {total} healthy connections")
        return f"| {noise} | {total:,} | {alarms} |"

    # ---- tables

    def summary(self):
        """Recall of each rule with each noise; wrong verdicts behind a cross."""
        noises = list(self.tallies)
        yield f"| rule | {' | '.join(noises)} |"
        yield "| --- |" + " --- |" * len(noises)
        for rule in sorted(self.wanted | set(self.rules)):
            if rule not in self.rules:
                yield f"| {rule} | no such rule yet |" + " |" * (len(noises) - 1)
                continue
            tallies = [self.tallies[noise][rule] for noise in noises]
            cells = [tally.recall() + (f" ✗{tally.wrong}" if tally.wrong else "") for tally in tallies]
            yield f"| {rule} | {' | '.join(cells)} |"

    def points(self):
        yield "| noise | connections | seen whole at all three points | the points agree on | false errors, warnings |"
        yield "| --- | --- | --- | --- | --- |"
        for noise, numbers in self.agreement.items():
            yield f"| {noise} | {' | '.join(f'{number:,}' for number in numbers)} |"

    def details(self, noise):
        yield "| rule | told | cannot tell | missed | wrong | recall | precision |"
        yield "| --- | --- | --- | --- | --- | --- | --- |"
        for rule, tally in self.tallies[noise].items():
            cells = [" / ".join(map(str, tally.each(what))) for what in ("told", "cannot", "missed", "wrong")]
            yield f"| {rule} | {' | '.join(cells)} | {tally.recall()} | {ratio(tally.told, tally.told + tally.wrong)} |"

    def report(self, healthy):
        version = subprocess.run([self.args.hangup, "--version"], stdout=subprocess.PIPE, text=True).stdout.split("\n")[0]
        yield f"{version}, {len(self.rules)} rules, seed {self.args.seed}."
        if healthy:
            yield from ["", "## Healthy connections", "", "| noise | connections | false errors, warnings at three points |",
                        "| --- | --- | --- |", *healthy]
        if self.tallies:
            yield from ["", "## Recall with each noise", "", "All three capture points together; ✗n: n wrong verdicts.", "",
                        *self.summary(), "", "## Capture points", "", *self.points()]
        for noise in self.tallies:
            yield from ["", f"## Noise: {noise}", "", "At the client / between / at the server.", "", *self.details(noise)]


def main():
    options = argparse.ArgumentParser(description="hangup's accuracy on simulated traffic")
    options.add_argument("hangup")
    options.add_argument("--connections", type=int, default=3000, help="of all scenarios, for each noise")
    options.add_argument("--noise", default=",".join(NOISES))
    options.add_argument("--healthy", type=int, default=100000, help="healthy ones, for each of --healthy-noise")
    options.add_argument("--healthy-noise", default="none,all")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", help="these scenarios")
    options.add_argument("--seal", metavar="PROGRAM", help="tests/seal: what is HTTP goes over TLS, and the keys are there")
    options.add_argument("--keep", metavar="FOLDER", help="leave captures and truth there")
    options.add_argument("--markdown", metavar="FILE", help="write the tables there, too")
    options.add_argument("--check", action="store_true", help="exit status 1 below the bar")
    options.add_argument("--verbose", action="store_true", help="name what was missed or wrong")
    args = options.parse_args()

    run, healthy = Run(args), []
    with tempfile.TemporaryDirectory() as scratch:
        for noise in args.noise.split(",") if args.connections else ():
            run.mixed(noise, scratch)
        for noise in args.healthy_noise.split(",") if args.healthy else ():
            healthy.append(run.healthy(noise, scratch))
    text = "\n".join(run.report(healthy)) + "\n"
    print(text, end="")
    if args.markdown:
        with open(args.markdown, "w") as file:
            file.write(text)
    for failure in run.failures:
        print("below the bar:", failure, file=sys.stderr)
    return 1 if args.check and run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
