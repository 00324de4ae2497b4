#!/usr/bin/env python3
"""The heads of requests over TLS that keys open, against tshark's, capture by capture (TAP).

usage: keys.py HANGUP FOLDER

Reads each NAME.pcapng of FOLDER, with the keys in it, and each NAME.pcap with NAME.keys. tshark is the oracle: the same requests on
the same streams, none more. What is no HTTP is passed over. Where hangup sees a request's first byte, tshark shows the frame that completes it, or the same.
"""
import glob
import json
import os
import subprocess
import sys
import tempfile

RULE = """
id: every-request
name: Every request
summary: for the test alone
severity: info
scope: exchange
per: server
since: "0.1"
when: request.seen
evidence: [request]
retry: by-method
confidence: certain
accountable: unclear
what: A request.
cause: Somebody asked.
fix: Nothing.
"""


def ours(hangup, rule, path, keys):
    options = ["--keylog", keys] if keys else []
    done = subprocess.run([hangup, *options, "--rules", rule, "--rule", "every-request", "--max-connections", "0", "-o", "json", path],
                          capture_output=True, text=True, timeout=60)
    if done.returncode != 0 or done.stderr:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr}")
    found = []
    for finding in json.loads(done.stdout)["findings"]:
        for connection in finding["connections"]:
            if connection["http"]["inferred"]:
                continue
            request = connection["http"]["lost_request"]
            found.append((connection["tcp_stream"], request["method"], request["path"], connection["evidence"][0]["frame"]))
    return sorted(found)


def theirs(path, keys):
    options = ["-o", f"tls.keylog_file:{keys}"] if keys else []
    fields = ["tcp.stream", "http.request.method", "http.request.uri", "http2.headers.method", "http2.headers.path", "frame.number"]
    done = subprocess.run(["tshark", "-r", path, *options, "-Y", "http.request or http2.headers.method", "-T", "fields", "-E", "aggregator=|",
                           *[word for field in fields for word in ("-e", field)]], capture_output=True, text=True, timeout=120)
    found = []
    for line in done.stdout.splitlines():
        stream, method, uri, method2, path2, frame = line.split("\t")
        for one, where in zip((method or method2).split("|"), (uri or path2).split("|")):
            found.append((int(stream), one, where, int(frame)))
    return sorted(found)


# Early data that the server does not take is nobody's request: tshark shows what was sealed.
REFUSED = {("13-early-data-refused.pcapng", "/early")}


def same(one, other):
    """Streams, methods, paths in the order of the frames; ours begin no later. Query strings are shortened in reports."""
    def order(found):
        return sorted((stream, frame, method, path.split("?")[0]) for stream, method, path, frame in found)
    a, b = order(one), order(other)
    return len(a) == len(b) and all(x[0] == y[0] and x[1] <= y[1] and x[2:] == y[2:] for x, y in zip(a, b))


def main():
    hangup, folder = sys.argv[1:3]
    captures = [(path, None) for path in sorted(glob.glob(os.path.join(folder, "*.pcapng")))]
    captures += [(path[:-5] + ".pcap", path) for path in sorted(glob.glob(os.path.join(folder, "*.keys")))]
    with tempfile.TemporaryDirectory() as scratch:
        rule = os.path.join(scratch, "every-request.yaml")
        with open(rule, "w") as file:
            file.write(RULE)
        for number, (path, keys) in enumerate(captures, 1):
            name = os.path.basename(path)
            a = ours(hangup, rule, path, keys)
            b = [found for found in theirs(path, keys) if (name, found[2]) not in REFUSED]
            ok = same(a, b)
            print(f"{'ok' if ok else 'not ok'} {number} - {name}: {len(b)} requests are tshark's")
            if not ok:
                print(f"# ours {a}\n# tshark's {b}")
    print(f"1..{len(captures)}")


main()
