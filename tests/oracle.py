#!/usr/bin/env python3
"""hangup against tshark over public captures: packets, TCP packets, TCP streams.

usage: oracle.py HANGUP CAPTURES DIFFERENCES

CAPTURES holds oracle.tsv and the files that it names. DIFFERENCES lists the files where hangup
differs, a line each: path, what differs (column=hangup's number), the reason. A difference that is
not listed fails, and so does a listed one that is gone. A crash, a hang, a sanitizer report or output
that is no JSON fails for any file.
"""
import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

LIMIT_S = 120


def run(hangup, path):
    """Returns (report or None, error text or None)."""
    try:
        done = subprocess.run([hangup, "-o", "json", "--max-connections", "0", path], capture_output=True, timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return None, f"still running after {LIMIT_S} s"
    stderr = done.stderr.decode(errors="replace")
    if done.returncode == 2 and "Sanitizer" not in stderr and "runtime error" not in stderr:
        return None, None if stderr.count("\n") == 1 else f"not one line: {stderr!r}"
    if done.returncode != 0 or stderr:
        return None, f"exit {done.returncode}: {stderr[-2000:]}"
    try:
        return json.loads(done.stdout), None
    except ValueError as error:
        return None, f"no JSON: {error}"


def differences(report, row):
    if row["status"] == "unreadable":
        return ""  # tshark tells nothing of it; a clear error or a report are both right
    if report is None:
        return "unreadable" if int(row["packets"]) > 0 else ""
    summary = report["summary"]
    # tshark counts the TCP headers that ICMP errors quote, too.
    ours = {"packets": summary["packets"],
            "tcp_frames": summary["tcp_packets"] + summary["icmp_about_tcp_packets"],
            "tcp_streams": summary["tcp_streams"]}
    return " ".join(f"{name}={count}" for name, count in ours.items() if count != int(row[name]))


def main():
    hangup, captures, known_path = sys.argv[1:4]
    with open(os.path.join(captures, "oracle.tsv"), newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    known = {}
    with open(known_path) as table:
        for line in table:
            if line.strip() and not line.startswith("#"):
                path, what, _reason = line.rstrip("\n").split("\t")
                known[path] = what
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = list(pool.map(lambda r: run(hangup, os.path.join(captures, r["file"])), rows))
    failed = 0
    for row, (report, error) in zip(rows, results):
        path = row["file"]
        what = "" if error else differences(report, row)
        if error or what != known.get(path, ""):
            failed += 1
            print(f"FAILED {path}\t{error or what}"
                  + (f" (listed: {known[path]})" if path in known and not error else "")
                  + f"\t(tshark: {row['status']}, {row['packets']} packets, {row['tcp_frames']} TCP, "
                  f"{row['tcp_streams']} streams)")
    print(f"{len(rows) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
