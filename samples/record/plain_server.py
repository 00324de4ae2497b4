#!/usr/bin/env python3
"""Python's http.server with persistent connections: it writes head and body of a response one
after the other, and answers every request with 200 and "hello".

    plain_server.py [--nodelay] [--ignore-expect]

--nodelay: TCP_NODELAY. --ignore-expect: no 100 (Continue).
"""

import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = "--nodelay" in sys.argv

    def handle_expect_100(self):
        return "--ignore-expect" in sys.argv or super().handle_expect_100()

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    do_POST = do_GET

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
