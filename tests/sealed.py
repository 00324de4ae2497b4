#!/usr/bin/env python3
"""What is found in the clear is found over TLS, with keys (TAP).

usage: sealed.py HANGUP SEAL CAPTURE...

Each capture is sealed (seal.c), and both are analysed: the same findings, the same numbers of requests and exchanges, the same rules
undecided. Captures with nothing to seal are counted.
"""
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

NOTHING_TO_SEAL = 3

# What lengths or far numbers are the evidence of is another thing once every segment is 22 bytes longer.
EXCEPTIONS = {
    "handshake-ack-overtaken.conv": "the first packet behind the handshake is another one",
    "gap-before-idle.conv": "behind the last record that opens a goodbye may be missing, too",
    "gap-dated-by-its-ack.conv": "the same",
    "lost-body-shown-by-reset.conv": "the same",
    "reset-behind-lost-megabyte.conv": "the same",
    "lost-response-shown-by-reset.conv": "the reset's number, 40 behind all that was captured, is no length of a record",
    "reused-port-end-only.conv": "ports are used twice, and the second connection begins in its middle",
    "reused-port-midstream.conv": "the same",
    "reused-port-syn-ack-only.conv": "the same",
    "syn-ack-after-reset-without-syn.conv": "the same",
    "stray-reset-in-download.conv": "numbers of resets that fit nothing",
    "reset-with-numbers-of-nobody.conv": "the same",
    "injected-reset-three-signs.conv": "the same",
    "answer-from-other-address-two-pods.conv": "what comes from the other address stays as it was",
    "request-cut-by-server-zero-window.conv": "windows are not moved",
    "zero-window-stall-both-ends.conv": "the same",
}

OF_TLS = {"tls-close-without-notify", "tls-never-resumed"}  # seal resumes no session


def seen(hangup, path, keys=None):
    options = ["--keylog", keys] if keys else []
    done = subprocess.run([hangup, *options, "-o", "json", path], capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or done.stderr:
        return f"exit {done.returncode}: {done.stderr}"
    report = json.loads(done.stdout)
    summary = report["summary"]
    found = sorted(f"{finding['rule']['id']}={finding['count']}" for finding in report["findings"] if finding["rule"]["id"] not in OF_TLS)
    undecided = sorted(row["rule"] for row in summary["undecided"] if row["rule"] not in OF_TLS)
    return found, undecided, summary["http_requests"], summary["http_exchanges"]


def compare(hangup, seal, path, scratch, number):
    base = os.path.join(scratch, str(number))
    done = subprocess.run([seal, path, base + ".pcap", base + ".keys"], capture_output=True, text=True, timeout=60)
    if done.returncode == NOTHING_TO_SEAL:
        return None
    if done.returncode != 0:
        return done.stderr
    clear, sealed = seen(hangup, path), seen(hangup, base + ".pcap", base + ".keys")
    os.remove(base + ".pcap")
    return "" if clear == sealed else f"in the clear {clear}\nsealed {sealed}"


def main():
    hangup, seal, *captures = sys.argv[1:]
    captures = [path for path in captures if os.path.basename(path) not in EXCEPTIONS]
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compare, hangup, seal, path, scratch, number) for number, path in enumerate(captures)]
        results = [(path, job.result()) for path, job in zip(captures, jobs)]
    told = 0
    for path, difference in results:
        if difference is None:
            continue
        told += 1
        name = f"{os.path.basename(os.path.dirname(path))}/{os.path.basename(path)}"
        print(f"{'not ok' if difference else 'ok'} {told} - {name}")
        for line in difference.splitlines():
            print(f"# {line}")
    print(f"{'ok' if told > 300 else 'not ok'} {told + 1} - {told} captures were sealed, {len(results) - told} have nothing to seal")
    print(f"1..{told + 1}")


main()
