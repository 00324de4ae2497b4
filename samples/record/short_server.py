#!/usr/bin/env python3
"""A server that announces more than it sends.

    /full, /full-chunked   the whole body of 5000 bytes
    /short      2000 of 5000 bytes, then an orderly close (FIN)
    /aborted    2000 of 5000 bytes, then an abort (RST)
    /unchunked  one chunk of two and no last chunk, then an orderly close (FIN)
"""

import http.server
import socket
import struct
import time

BODY = b"0123456789abcde\n" * 313
ANNOUNCED = 5000
SENT = 2000


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        {"/full": self.full, "/full-chunked": self.full_chunked, "/short": self.short,
         "/aborted": self.aborted, "/unchunked": self.unchunked}[self.path]()

    def head(self, name, value):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header(name, value)
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))

    def full(self):
        self.head("Content-Length", str(ANNOUNCED))
        self.wfile.write(BODY[:ANNOUNCED])

    def full_chunked(self):
        self.head("Transfer-Encoding", "chunked")
        self.chunk(BODY[:SENT])
        self.chunk(BODY[SENT:ANNOUNCED])
        self.chunk(b"")

    def short(self):
        self.head("Content-Length", str(ANNOUNCED))
        self.wfile.write(BODY[:SENT])
        self.close_connection = True

    def aborted(self):
        self.short()
        # Let the bytes leave first: an abort discards what is still in the send buffer.
        time.sleep(0.1)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def unchunked(self):
        self.head("Transfer-Encoding", "chunked")
        self.chunk(BODY[:SENT])
        self.close_connection = True


class Server(http.server.ThreadingHTTPServer):
    def shutdown_request(self, request):
        """Only close(): the shutdown() before it would send a FIN before each abort."""
        self.close_request(request)


Server(("192.0.2.20", 8080), Handler).serve_forever()
