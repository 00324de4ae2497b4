#!/usr/bin/env python3
"""hangup's findings over public captures, against a table of those that somebody has looked at.

usage: captures.py HANGUP CAPTURES TABLE

CAPTURES holds oracle.tsv, which names the files. TABLE has a line for each finding of a file, or for
those of its findings by one rule that have the same explanation: path, rule, streams (as `tcp_stream`
in the JSON: 3,5,7-9), verdict (true, debatable, false), explanation; in the order of the first three.
A connection that a rule flags and no line explains fails, and so does a line whose finding is gone:
both show what a change of a rule or a fact does to real traffic.
"""
import csv
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True  # the sources may be read-only, and stay as they are
from oracle import run  # noqa: E402

VERDICTS = {"true", "debatable", "false"}


def streams(text):
    """'3,5-7' -> [3, 5, 6, 7]"""
    ranges = (part.partition("-") for part in text.split(","))
    return [s for first, _, last in ranges for s in range(int(first), int(last or first) + 1)]


def ranges(numbers):
    """[3, 5, 6, 7] -> '3,5-7'"""
    parts = []
    for number in sorted(numbers):
        if parts and parts[-1][1] == number - 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)


def read_table(path):
    """Returns {(file, rule): set of streams}, and what is wrong with the table."""
    known, wrong, last = {}, [], None
    with open(path) as table:
        for number, line in enumerate(table, 1):
            if not line.strip() or line.startswith("#"):
                continue
            cells = line.rstrip("\n").split("\t")
            if len(cells) != 5 or cells[3] not in VERDICTS or not cells[4]:
                wrong.append(f"line {number}: five cells, and a verdict out of {sorted(VERDICTS)}")
                continue
            numbers = streams(cells[2])
            key = (cells[0], cells[1], numbers[0])
            if last is not None and key <= last:
                wrong.append(f"line {number}: not in the order of file, rule, stream")
            last = key
            seen = known.setdefault(key[:2], set())
            if seen & set(numbers) or len(set(numbers)) < len(numbers):
                wrong.append(f"line {number}: explains a stream twice")
            seen.update(numbers)
    return known, wrong


def flagged(report):
    """Returns {rule: set of streams} of one capture's report."""
    found = {}
    for finding in report["findings"] if report else []:
        found.setdefault(finding["rule"]["id"], set()).update(
            c["tcp_stream"] for c in finding["connections"])
    return found


def main():
    hangup, captures, table = sys.argv[1:4]
    with open(os.path.join(captures, "oracle.tsv"), newline="") as names:
        files = [row["file"] for row in csv.DictReader(names, delimiter="\t")]
    known, failures = read_table(table)
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(lambda f: run(hangup, os.path.join(captures, f)), files))
    found = {}
    for file, (report, error) in zip(files, results):
        if error:
            failures.append(f"{file}\t{error}")
        found.update({(file, rule): seen for rule, seen in flagged(report).items()})
    for file, rule in sorted(known.keys() | found.keys()):
        now, before = found.get((file, rule), set()), known.get((file, rule), set())
        if now - before:
            failures.append(f"new, look at it: {file}\t{rule}\t{ranges(now - before)}")
        if before - now:
            failures.append(f"gone: {file}\t{rule}\t{ranges(before - now)}")
    for failure in failures:
        print("FAILED", failure)
    connections = sum(len(seen) for seen in known.values())
    print(f"{connections} connections explained, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
