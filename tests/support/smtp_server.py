"""A mail server on a free port of this machine, which keeps what it takes, or refuses it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Mails:
    """What was taken: the envelope's recipients, and the message as it came."""

    port: int = 0
    refuses: bool = False
    silent: bool = False
    taken: list[tuple[list[str], bytes]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)


class _Handler(socketserver.StreamRequestHandler):
    mails: Mails
    timeout = 30

    def handle(self) -> None:
        if self.mails.silent:
            self.mails.released.wait(30)
            return
        recipients: list[str] = []
        self._say("220 tests ESMTP")
        while line := self.rfile.readline():
            word = line.split(b" ")[0].strip().upper()
            if word == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            if word == b"DATA":
                self._take(recipients)
            elif word == b"MAIL" and self.mails.refuses:
                self._say("550 5.7.1 user anchors@example.com may not send: secret-of-the-server")
            else:
                self._say({b"EHLO": "250 8BITMIME", b"QUIT": "221 bye"}.get(word, "250 fine"))
            if word == b"QUIT":
                return

    def _take(self, recipients: list[str]) -> None:
        self._say("354 go on")
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.mails.taken.append((list(recipients), b"".join(lines)))
        self._say("250 taken")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@contextmanager
def smtp_server(**behaviour: bool) -> Iterator[Mails]:
    mails = Mails(**behaviour)
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"mails": mails}))
    server.daemon_threads = True
    mails.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield mails
    finally:
        mails.released.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
