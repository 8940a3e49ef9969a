"""`python -m audit.witness`: a witness (https://c2sp.org/tlog-witness) for whoever does not want to believe a log.

It keeps the last checkpoint of each log that it knows, and signs a newer one only when that is proved to continue it.
Run it where the operator of the log has no say. It needs this package, no Django, no database and no configuration.
"""

import asyncio
import base64
import fcntl
import hashlib
import logging
import os
import re
import secrets
import sys
import time
from argparse import ArgumentParser
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from audit import files, notes
from audit.checkpoint import Checkpoint, parse_text
from audit.cosignatures import CosignerKey, cosign
from audit.merkle import EMPTY_ROOT, HASH_SIZE, InvalidProof, verify_consistency
from audit.notes import InvalidKey, InvalidNote, PublicKey, SigningKey, parse_public_key

MOST_HASHES = 63
LONGEST_REQUEST = 64 << 10  # bytes
_REQUEST_S = 10.0
_AT_ONCE = 100  # requests; more are answered 503
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_TEXT, _SIZE = b"text/plain; charset=utf-8", b"text/x.tlog.size"
log = logging.getLogger("audit.witness")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Refusal(Exception):
    """A checkpoint is not signed. `size` is told where the one who asks may go on from it."""

    def __init__(self, status: int, why: str, *, size: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.size = size


@dataclass(frozen=True, slots=True)
class Request:
    """What `add-checkpoint` was asked: the size that it goes on from, the proof, and the checkpoint as a note."""

    old_size: int
    proof: list[bytes]
    note: str


class Witness:
    """The last checkpoints of all logs, in a folder that nobody else may write in, and the key.

    Key and checkpoints belong together: when the folder is lost, so is the witness, and a new one has another name.
    """

    def __init__(
        self, folder: Path, *, logs: Sequence[Path], name: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._logs = logs
        self._clock = clock
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files.write_new(folder / "key", f"{SigningKey.from_seed(name, secrets.token_bytes(32)).secret()}\n")
        self._key = SigningKey.parse((folder / "key").read_text(encoding="utf-8").strip())
        if self._key.name != name:
            raise InvalidKey(f"the witness in {folder} has the name {self._key.name}")
        self._lock = os.open(folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.close()
            raise

    @property
    def public(self) -> CosignerKey:
        """Return the key by which its signatures are verified."""
        return CosignerKey(self._key.public)

    def check_logs(self) -> None:
        """Read the keys of the logs.

        Raises:
            OSError, notes.InvalidKey: a file cannot be read, or a line in it is no key.
        """
        self._known_keys()

    def close(self) -> None:
        """Let another process use the folder."""
        os.close(self._lock)

    def add_checkpoint(self, request: Request) -> str:
        """Return the signature line for the checkpoint, after it was kept as the last. Not for several at once.

        Raises:
            Refusal: it is not signed; nothing is kept of it.
            OSError: it cannot be kept.
        """
        text, signatures = notes.split(request.note)
        found = _content(text)
        known = [key for key in self._known_keys() if key.name == found.origin]
        if not known:
            raise Refusal(404, "the log is not known")
        try:
            notes.open_note(request.note, keys=known)
        except InvalidNote as error:
            raise Refusal(403, str(error)) from error
        self._check(request, found)
        line = str(cosign(text, self._key, at=int(self._clock())))
        by_log = [str(each) for each in signatures if each.name == found.origin]
        files.write_whole(self.last_of(found.origin), "\n".join([text, *by_log, line, ""]))
        return f"{line}\n"

    def last_of(self, origin: str) -> Path:
        """Return the file of the last checkpoint of a log, which is a note with the witness's own signature."""
        return self._folder / f"last-{hashlib.sha256(origin.encode()).hexdigest()}"

    def _check(self, request: Request, found: Checkpoint) -> None:
        if request.old_size > found.size:
            raise Refusal(400, "the old size is larger than that of the checkpoint")
        size, root = self._last(found.origin)
        if request.old_size != size:
            raise Refusal(409, f"the last checkpoint had {size} records", size=size)
        if 0 < size == found.size and root != found.root:
            raise Refusal(409, f"the last checkpoint of {size} records had another root", size=size)
        try:
            verify_consistency(
                old_size=size, new_size=found.size, old_root=root, new_root=found.root, proof=request.proof
            )
        except InvalidProof as error:
            # It is signed by a known key, so this line may be all that shows what the log did.
            log.warning("Refused, as no continuation of %s records: %r", size, request.note)
            raise Refusal(422, str(error)) from error

    def _last(self, origin: str) -> tuple[int, bytes]:
        try:
            note = self.last_of(origin).read_text(encoding="utf-8")
        except FileNotFoundError:
            return 0, EMPTY_ROOT
        last = _content(notes.split(note)[0])
        return last.size, last.root

    def _known_keys(self) -> list[PublicKey]:
        """Read anew each time, so that a log may be added, or hand itself over to another key."""
        lines = [line for path in self._logs for line in path.read_text(encoding="utf-8").splitlines()]
        return [parse_public_key(line) for line in lines if line.strip()]


def parse_request(body: bytes) -> Request:
    """Read what was posted.

    Raises:
        Refusal: not of the form that the specification gives.
    """
    try:
        head, _, note = body.decode().partition("\n\n")
        old, *hashes = head.split("\n")
        size = _OLD.fullmatch(old)
        proof = [base64.b64decode(each, validate=True) for each in hashes]
        _content(notes.split(note)[0])
    except ValueError as error:  # no UTF-8, no base64, no note, no checkpoint
        raise Refusal(400, "the request is not of the form that tlog-witness gives") from error
    if size is None or len(proof) > MOST_HASHES or any(len(each) != HASH_SIZE for each in proof):
        raise Refusal(400, "the size or the proof is not of the form that tlog-witness gives")
    return Request(int(size[1]), proof, note)


def _content(text: str) -> Checkpoint:
    """Read a checkpoint. Lines after the third are signed with it, and mean nothing here."""
    return parse_text("".join(f"{line}\n" for line in text.split("\n")[:3]))


class Service:
    """The witness over HTTP, as an ASGI application. One request is decided after the other."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"] != "/add-checkpoint":
            await _answer(send, 404, "there is nothing here but /add-checkpoint\n")
        elif scope["method"] != "POST":
            await _answer(send, 405, "a checkpoint is posted\n", headers=[(b"allow", b"POST")])
        else:
            await self._add(receive, send)

    async def _add(self, receive: Receive, send: Send) -> None:
        try:
            body = await asyncio.wait_for(_body(receive), _REQUEST_S)
            # Not in a thread: what is compared and what is kept must be the same state.
            line = self._witness.add_checkpoint(parse_request(body))
        except TimeoutError:
            await _answer(send, 408, "the request took too long\n")
        except Refusal as refusal:
            if refusal.size is not None:
                await _answer(send, refusal.status, f"{refusal.size}\n", kind=_SIZE)
            else:
                await _answer(send, refusal.status, f"{refusal}\n")
        except (OSError, ValueError):
            log.exception("A checkpoint was not kept, and so not signed")
            await _answer(send, 500, "the checkpoint cannot be kept\n")
        else:
            await _answer(send, 200, line)


async def _body(receive: Receive) -> bytes:
    body, is_more = b"", True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            raise Refusal(400, "the request broke off")
        body += message.get("body", b"")
        is_more = message.get("more_body", False)
        if len(body) > LONGEST_REQUEST:
            raise Refusal(413, "the request is too long")
    return body


async def _answer(
    send: Send, status: int, text: str, *, kind: bytes = _TEXT, headers: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = text.encode()
    fields = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *headers]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = ArgumentParser(prog="python -m audit.witness", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where it keeps its key and what it saw")
    parser.add_argument("--name", required=True, help="its name for ever, like witness.example.com/audit")
    parser.add_argument(
        "--log", type=Path, required=True, action="append", help="public keys of a log (may be repeated)"
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="(default: %(default)s)")
    given = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO)
    try:
        witness = Witness(given.folder, logs=given.log, name=given.name)
        witness.check_logs()
    except (OSError, InvalidKey) as error:
        sys.exit(f"The witness cannot start: {error}")
    sys.stdout.write(f"{witness.public}\n")
    sys.stdout.flush()
    uvicorn.run(
        Service(witness),
        host=given.host,
        port=given.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        ws="none",
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=3,
    )


if __name__ == "__main__":
    main()
