"""The same small application for WSGI (gunicorn) and ASGI (uvicorn).

    /           ok
    /slow       ok after 3 s
    /half       announces 5000 bytes, sends 2000 and fails

ASGI says the messages of a WebSocket back.
"""

import asyncio
import time

SLOW = 3
ANNOUNCED = 5000
SENT = 2000


def wsgi(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/half":
        start_response("200 OK", [("Content-Length", str(ANNOUNCED))])
        return half()
    if path == "/slow":
        time.sleep(SLOW)
    start_response("200 OK", [("Content-Length", "3")])
    return [b"ok\n"]


def half():
    yield b"x" * SENT
    raise RuntimeError("a bug in the application")


async def echo(path, receive, send):
    """A WebSocket: /bug fails at the first message, /leave closes in order behind it."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if path == "/bug":
            raise RuntimeError("a bug in the application")
        await send({"type": "websocket.send", "text": message["text"]})
        if path == "/leave":
            await send({"type": "websocket.close", "code": 1000})
    print(f"WebSocket {path}: {message['code']}", flush=True)


async def asgi(scope, receive, send):
    path = scope["path"]
    if scope["type"] == "websocket":
        return await echo(path, receive, send)
    if path == "/slow":
        await asyncio.sleep(SLOW)
    length = ANNOUNCED if path == "/half" else 3
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", str(length).encode())]})
    if path == "/half":
        await send({"type": "http.response.body", "body": b"x" * SENT, "more_body": True})
        raise RuntimeError("a bug in the application")
    await send({"type": "http.response.body", "body": b"ok\n"})
