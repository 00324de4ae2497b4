#!/usr/bin/env python3
"""How often hangup is right: simulated traffic with known truth, captured at three places, with and without
noise.

    accuracy.py HANGUP [--connections N] [--healthy N] [--noise NAME,...] [--seed N] [--only SCENARIO,...]
                [--keep FOLDER] [--markdown FILE] [--check]

Truth: `must` names the rules that have to be told about a connection (in a finding's list or in its `also`),
`may` what is true as well; what stands in `also` only is never wrong, since another finding explains it. A connection that misses a `must` counts as "cannot tell" if the capture lost
something of it (packets, payload, its start), else as missed. With --check the exit status is 1 if a healthy
connection was called an error or a warning, or recall is below the bar.
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
from healthy import HEALTHY  # noqa: E402
from net import POINTS, START, Pcap  # noqa: E402
from world import NOISES, Episode  # noqa: E402

BAR = {False: 0.99, True: 0.97}  # recall without and with noise
ENOUGH = 60  # below so many verdicts, one miss says nothing about a single rule


def episodes(wanted, total, size, seed):
    """(scenario name, function, connections) until there are `total` connections; each scenario in turn."""
    planned = 0
    while planned < total:
        for name, function in wanted.items():
            yield name, function, size
            planned += size


def generate(wanted, total, size, noise, seed, folder):
    """Write three captures and return the truth: a list of connections."""
    files = [Pcap(os.path.join(folder, point + ".pcap"), noise.snap) for point in POINTS]
    outs = [file.add for file in files]
    truth, start = [], 0.0
    for number, (name, function, count) in enumerate(episodes(wanted, total, size, seed)):
        episode = Episode(number, start, seed * 1000003 + number, noise, outs)
        episode.name, episode.healthy = name, name in HEALTHY
        function(episode, count)
        episode.sim.run(episode.until)
        for conn in episode.conns:
            if any(tap.first is not None for tap in conn.taps):
                truth.append(conn.truth())
        start += 1.0
        for file in files:
            file.flush(start)
    for file in files:
        file.close()
    return truth


def address(conn_like):
    return (conn_like["client"]["ip"], conn_like["client"]["port"], conn_like["server"]["ip"], conn_like["server"]["port"])


def seconds(text):
    whole, _, rest = text.rstrip("Z").partition(".")
    at = datetime.datetime.fromisoformat(whole + "+00:00").timestamp()
    return at - START + float("0." + (rest or "0"))


class Verdicts:
    """What hangup told about each connection of the truth, at one capture point."""

    def __init__(self, hangup, path, truth, point):
        run = subprocess.run([hangup, "-o", "json", path], stdout=subprocess.PIPE, check=True)
        self.report = json.loads(run.stdout)
        self.point = point
        self.index = collections.defaultdict(list)
        for number, conn in enumerate(truth):
            if conn["taps"][point]["first"] is not None:
                self.index[conn["address"]].append(number)
        self.truth = truth
        self.told = collections.defaultdict(set)   # also where another finding explains it
        self.listed = collections.defaultdict(set)
        self.strangers = []
        for finding in self.report["findings"]:
            for listed in finding["connections"]:
                number = self.find(listed)
                if number is None:
                    self.strangers.append((finding["rule"]["id"], listed))
                    continue
                self.listed[number].add(finding["rule"]["id"])
                self.told[number].add(finding["rule"]["id"])
                self.told[number].update(listed["also"])

    def find(self, listed):
        """By its addresses and the time: ports are used again."""
        client, cport, server, sport = address(listed)
        numbers = self.index.get((client, cport, server, sport)) or self.index.get((server, sport, client, cport)) or []
        times = [listed["opened"], listed["closed"]] + [proof["time"] for proof in listed["evidence"]]
        at = seconds(next(time for time in times if time))
        taps = [(self.truth[n]["taps"][self.point], n) for n in numbers]
        near = [(max(tap["first"] - at, at - tap["last"], 0), n) for tap, n in taps]
        return min(near)[1] if near else None


def severities(hangup):
    """rule id -> severity, from `hangup rules list`."""
    table = {}
    for line in subprocess.run([hangup, "rules", "list"], stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines():
        words = line.split()
        table[words[1]] = words[0]
    return table


Score = collections.namedtuple("Score", "truth told missed cannot wrong")


def score(truth, verdicts, rule):
    told = missed = cannot = wrong = 0
    errors = []
    for number, conn in enumerate(truth):
        tap = conn["taps"][verdicts.point]
        if tap["first"] is None:
            continue
        flagged = rule in verdicts.told[number]
        if rule in conn["must"]:
            if flagged:
                told += 1
            elif tap["missing"] or tap["cut"] or verdicts.point in conn["blind"]:
                cannot += 1
            else:
                missed += 1
                errors.append(("missed", rule, number))
        elif rule in verdicts.listed[number] and rule not in conn["may"]:
            wrong += 1
            errors.append(("wrong", rule, number))
    return Score(told + missed + cannot, told, missed, cannot, wrong), errors


def ratio(part, whole):
    return f"{part / whole:.3f}" if whole else "-"


def below(told, missed, noise):
    return told + missed > 0 and told / (told + missed) < BAR[noise != "none"]


def show(conn, point):
    c, cp, s, sp = conn["address"]
    return f"{conn['name']} {c}:{cp} > {s}:{sp}, at {POINTS[point]}"


def main():
    options = argparse.ArgumentParser(description="hangup's accuracy on simulated traffic")
    options.add_argument("hangup")
    options.add_argument("--connections", type=int, default=3000, help="with anomalies, per noise")
    options.add_argument("--healthy", type=int, default=100000, help="healthy ones, without noise and with all of it")
    options.add_argument("--noise", default=",".join(NOISES))
    options.add_argument("--healthy-noise", default="none,all")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--only", help="these scenarios")
    options.add_argument("--keep", help="leave captures and truth in this folder")
    options.add_argument("--markdown", help="write the table here, too")
    options.add_argument("--check", action="store_true", help="exit status 1 below the bar")
    options.add_argument("--verbose", action="store_true", help="name what was missed or wrong")
    args = options.parse_args()

    rules = severities(args.hangup)
    chosen = {**ANOMALIES, **HEALTHY}
    if args.only:
        chosen = {name: chosen[name] for name in args.only.split(",")}
    lines, failures = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for noise in args.noise.split(",") if args.connections else ():
            lines += one_noise(args, rules, chosen, noise, scratch, failures)
        if args.healthy:
            for noise in args.healthy_noise.split(","):
                lines += only_healthy(args, rules, noise, scratch, failures)
    text = "\n".join(lines)
    print(text)
    if args.markdown:
        with open(args.markdown, "w") as file:
            file.write(text + "\n")
    for failure in failures:
        print("below the bar:", failure, file=sys.stderr)
    return 1 if args.check and failures else 0


def folder_for(args, scratch, name):
    folder = os.path.join(args.keep or scratch, name)
    os.makedirs(folder, exist_ok=True)
    return folder


def judged(args, folder, truth):
    return [Verdicts(args.hangup, os.path.join(folder, point + ".pcap"), truth, i) for i, point in enumerate(POINTS)]


def one_noise(args, rules, chosen, noise, scratch, failures):
    folder = folder_for(args, scratch, noise)
    truth = generate(chosen, args.connections, 8, NOISES[noise], args.seed, folder)
    if args.keep:
        with open(os.path.join(folder, "truth.json"), "w") as file:
            json.dump(truth, file, indent=1, default=sorted)
    verdicts = judged(args, folder, truth)
    named = sorted({rule for conn in truth for rule in conn["must"]} | set(rules))
    lines = [f"## Noise: {noise}", "", f"{len(truth)} connections.", "",
             "| rule | point | truth | told | cannot tell | missed | wrong | recall | precision |",
             "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    all_told = all_missed = 0
    for rule in named:
        rule_told = rule_missed = 0
        if rule not in rules:
            lines.append(f"| {rule} | | {sum(rule in c['must'] for c in truth)} | no such rule yet | | | | | |")
            continue
        for point in range(3):
            result, errors = score(truth, verdicts[point], rule)
            lines.append(f"| {rule} | {POINTS[point]} | {result.truth} | {result.told} | {result.cannot} | {result.missed} | "
                         f"{result.wrong} | {ratio(result.told, result.told + result.missed)} | "
                         f"{ratio(result.told, result.told + result.wrong)} |")
            rule_told, rule_missed = rule_told + result.told, rule_missed + result.missed
            if args.verbose:
                for kind, _, number in errors[:200]:
                    print(noise, kind, rule, show(truth[number], point), file=sys.stderr)
        all_told, all_missed = all_told + rule_told, all_missed + rule_missed
        if below(rule_told, rule_missed, noise) and rule_told + rule_missed >= ENOUGH:
            failures.append(f"{noise}: recall of {rule}")
    if below(all_told, all_missed, noise):
        failures.append(f"{noise}: recall of all rules together")
    agree, compared, alarms = 0, 0, 0
    for number, conn in enumerate(truth):
        told = [verdict.told[number] for verdict in verdicts]
        listed = [verdict.listed[number] for verdict in verdicts]
        if not conn["blind"] and all(tap["first"] is not None and not tap["missing"] and not tap["cut"] for tap in conn["taps"]):
            compared += 1
            agree += listed[0] == listed[1] == listed[2]
            if args.verbose and not listed[0] == listed[1] == listed[2]:
                print(noise, "differ", show(conn, 0), [sorted(rules) for rules in listed], file=sys.stderr)
        if conn["healthy"]:
            for point in range(3):
                bad = sorted(r for r in told[point] if rules[r] in ("error", "warning"))
                alarms += bool(bad)
                if bad:
                    print("false alarm", noise, bad, show(conn, point), file=sys.stderr)
    if alarms:
        failures.append(f"{noise}: {alarms} false errors or warnings on healthy connections")
    lines += ["", f"The three capture points agree on {agree} of {compared} connections that they all saw whole. "
              f"False errors or warnings on healthy connections: {alarms}.", ""]
    return lines


def only_healthy(args, rules, noise, scratch, failures):
    """Many healthy connections, in portions."""
    alarms, total, portion, left = 0, 0, 0, args.healthy
    while left > 0:
        folder = folder_for(args, scratch, f"healthy-{noise}")
        count = min(left, 10000)
        truth = generate(HEALTHY, count, 8, NOISES[noise], args.seed + 100 + portion, folder)
        for verdict in judged(args, folder, truth):
            for number, told in verdict.told.items():
                bad = sorted(r for r in told if rules[r] in ("error", "warning"))
                if bad:
                    alarms += 1
                    print("false alarm", noise, f"seed {args.seed + 100 + portion}", bad, show(truth[number], verdict.point),
                          file=sys.stderr)
        total += len(truth)
        left -= max(len(truth), 1)
        portion += 1
    if alarms:
        failures.append(f"{noise}: {alarms} false errors or warnings on {total} healthy connections")
    return [f"Healthy connections only, noise {noise}: {total} connections, three capture points, "
            f"{alarms} false errors or warnings.", ""]


if __name__ == "__main__":
    sys.exit(main())
