"""A tiny HTTP server that misbehaves byte by byte, for faults that no decent server can be made to show.

Each route has scripts, one for each request in turn; the last one repeats.
"""

import json
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self):
        return json.loads(self.body)


Script = Callable[[socket.socket, Request], bool | None]  # False ends the connection


@dataclass
class ScriptedServer:
    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    _routes: dict = field(default_factory=dict)
    _turns: dict = field(default_factory=lambda: defaultdict(count))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _open: set = field(default_factory=set)

    def on(self, method: str, path: str, *scripts: Script) -> None:
        self._routes[method, path] = scripts

    def seen(self, method: str, path: str) -> list[Request]:
        return [one for one in self.requests if (one.method, one.path.partition("?")[0]) == (method, path)]

    def _script_of(self, request: Request) -> Script:
        key = request.method, request.path.partition("?")[0]
        with self._lock:
            self.requests.append(request)
            scripts = self._routes.get(key, (reply(404, {"message": "no such route"}),))
            return scripts[min(next(self._turns[key]), len(scripts) - 1)]

    def _serve(self, sock: socket.socket, number: int) -> None:
        with sock, suppress(OSError):
            sock.settimeout(15)
            while (request := _read_request(sock, number)) is not None:
                if self._script_of(request)(sock, request) is False:
                    break
        self._open.discard(sock)

    def _accept(self, listener: socket.socket) -> None:
        threads = []
        with suppress(OSError):
            while True:
                sock, _ = listener.accept()
                self.connections += 1
                self._open.add(sock)
                threads.append(
                    threading.Thread(target=self._serve, args=(sock, self.connections), daemon=True)
                )
                threads[-1].start()
        for thread in threads:
            thread.join(timeout=5)

    def close_connections(self) -> None:
        """Close what is open from this end, as an idle server does."""
        for sock in list(self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def scripted_server(*, with_token: bool = True) -> Iterator[ScriptedServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = ScriptedServer(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    if with_token:
        server.on("POST", "/oauth/token", token())
    thread = threading.Thread(target=server._accept, args=(listener,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        server.close_connections()
        thread.join(timeout=10)


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def reply(
    status: int, body: object = None, *, headers: dict[str, str] | None = None, after_s: float = 0
) -> Script:
    data = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(data))} | (headers or {})
    head = f"HTTP/1.1 {status} Scripted\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"

    def script(sock: socket.socket, _request: Request) -> None:
        time.sleep(after_s)
        sock.sendall(head.encode("latin-1") + data)

    return script


def token(value: str = "scripted-token", *, expires_in: object = 86399, after_s: float = 0) -> Script:
    body = {"access_token": value, "token_type": "bearer", "expires_in": expires_in}
    return reply(200, body, after_s=after_s)


def raw(data: bytes) -> Script:
    """Send these bytes and close."""

    def script(sock: socket.socket, _request: Request) -> bool:
        sock.sendall(data)
        return False

    return script


def drop(_sock: socket.socket, _request: Request) -> bool:
    """Close without an answer."""
    return False


def reset(sock: socket.socket, _request: Request) -> bool:
    """Reset the connection without an answer."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return False


def silence(sock: socket.socket, _request: Request) -> bool:
    """Never answer, until the client gives up."""
    sock.recv(1)
    return False


def trickle(head: bytes, piece: bytes, *, every_s: float) -> Script:
    """Send the head at once, then a piece again and again until the client gives up."""

    def script(sock: socket.socket, _request: Request) -> bool:
        sock.sendall(head)
        with suppress(OSError):
            while True:
                sock.sendall(piece)
                time.sleep(every_s)
        return False

    return script


def _read_request(sock: socket.socket, number: int) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        if not (chunk := sock.recv(65536)):
            return None
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += sock.recv(65536)
    return Request(method, path, headers, body, number)
