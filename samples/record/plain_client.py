#!/usr/bin/env python3
"""Clients of plain_server.py, with Python's http.client.

    plain_client.py rest SECONDS...   a connection for each: GET, rest, GET with a timeout of 5 s
    plain_client.py upload BYTES      a POST, its head first; timeout 5 s
    plain_client.py gets N            N GETs on one connection
"""

import http.client
import sys
import threading
import time

SERVER = "192.0.2.20"


def connect():
    return http.client.HTTPConnection(SERVER, 8080, timeout=5)


def get(connection):
    started = time.monotonic()
    try:
        connection.request("GET", "/")
        status = connection.getresponse()
        status.read()
        outcome = status.status
    except OSError as error:
        outcome = error
        connection.close()
    return "%s after %.3f s" % (outcome, time.monotonic() - started)


def rest(seconds):
    connection = connect()
    get(connection)
    time.sleep(seconds)
    print("rest of %g s: %s" % (seconds, get(connection)), flush=True)
    connection.close()


def rests(*seconds):
    threads = [threading.Thread(target=rest, args=(float(s),)) for s in seconds]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()


def upload(size):
    connection = connect()
    connection.putrequest("POST", "/upload")
    connection.putheader("Content-Length", size)
    connection.endheaders()
    time.sleep(0.1)
    try:
        connection.send(b"x" * int(size))
        response = connection.getresponse()
        response.read()
        print(response.status)
    except OSError as error:
        print(error)
    connection.close()


def gets(count):
    connection = connect()
    for _ in range(int(count)):
        print(get(connection))
    connection.close()


{"rest": rests, "upload": upload, "gets": gets}[sys.argv[1]](*sys.argv[2:])
