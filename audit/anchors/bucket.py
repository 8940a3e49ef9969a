"""An S3-compatible bucket with object lock: each checkpoint is an object that nobody can change before its time is up.

The name of an object says what it holds, `log/size-root`, so that a listing alone is compared with the log.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode
from xml.etree import ElementTree

from audit.anchors import AnchorFault, Contradiction
from audit.anchors.exchange import Answer, Exchange
from audit.anchors.sigv4 import Credentials, signed_headers
from audit.checkpoint import LARGEST_SIZE, Checkpoint

_MODE = "COMPLIANCE"  # in the other mode an administrator of the bucket may lift the lock
_NAME = re.compile(r"(?P<size>[0-9]{19})-(?P<root>[0-9a-f]{64})")
_CODE = re.compile(rb"<Code>([A-Za-z0-9.]{1,60})</Code>")
_AFTER_ALL = "~"  # sorts behind each character of a root


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as the listing names it. `root` is None when the name is not that of a checkpoint."""

    name: str
    size: int
    root: bytes | None
    is_hidden: bool  # by a delete marker: a locked object cannot be deleted, but be made to look so


class Bucket:
    """Puts checkpoints into a bucket and lists them. For one thread.

    `url` is the address of the bucket, as `https://s3.region.amazonaws.com/name` or `https://name.host`.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials,
        retention: timedelta,
        clock: Callable[[], datetime],
        exchange: Exchange | None = None,
    ) -> None:
        self.url = url
        self._credentials = credentials
        self._retention = retention
        self._clock = clock
        self._exchange = exchange or Exchange()
        self._is_lock_seen = False

    def put(self, found: Checkpoint, note: str) -> None:
        """Keep a checkpoint. Nothing is overwritten: what is there already must be the same.

        Raises:
            AnchorFault: it is not kept, or not locked.
            Contradiction: the bucket has another content under its name.
        """
        name = name_of(found)
        until = self._clock() + self._retention
        body = note.encode()
        headers = {
            # Required by S3 with a lock.
            "content-md5": base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode(),
            "content-type": "text/plain; charset=utf-8",
            "if-none-match": "*",
            "x-amz-object-lock-mode": _MODE,
            "x-amz-object-lock-retain-until-date": until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        answer = self._ask("PUT", name, headers=headers, body=body, expected=(200, 412))
        if answer.status == 412 and self.note(name) != note:
            raise Contradiction(f"the object {name} is there already, with another content")
        if not self._is_lock_seen:
            self._check_lock(name)

    def note(self, name: str) -> str:
        """Return the content of an object.

        Raises:
            AnchorFault: it cannot be read.
        """
        return self._ask("GET", name).body.decode(errors="replace")

    def last_size(self, origin: str, *, most: int) -> int:
        """Return the largest size of which the bucket has a checkpoint, 0 for none; a log has `most` records.

        Raises:
            AnchorFault: the bucket cannot be asked.
            Contradiction: it knows of more records.
        """
        if self._has_beyond(origin, most):
            raise Contradiction(f"it has a checkpoint of more than the {most} records that the log has")
        low, high = 0, most
        while low < high:
            middle = (low + high) // 2
            if self._has_beyond(origin, middle):
                low = middle + 1
            else:
                high = middle
        return low

    def listed(self, origin: str, *, after: int) -> Iterator[Listed]:
        """Give every version of every object of a log, in order of size, after that of `after` records.

        Raises:
            AnchorFault: the bucket cannot be asked.
        """
        marker = _beyond(origin, after)
        version = ""
        while True:
            query = {"prefix": f"{origin}/", "key-marker": marker} | (
                {"version-id-marker": version} if version else {}
            )
            page = self._list(f"versions=&{urlencode(query, quote_via=quote)}")
            for kind in ("Version", "DeleteMarker"):
                for each in page.iterfind(f"{{*}}{kind}"):
                    yield _listed(each.findtext("{*}Key") or "", origin, is_hidden=kind == "DeleteMarker")
            if page.findtext("{*}IsTruncated") != "true":
                return
            before = marker, version
            marker = page.findtext("{*}NextKeyMarker") or ""
            version = page.findtext("{*}NextVersionIdMarker") or ""
            # Version ids have no order.
            if marker < before[0] or (marker, version) == before:
                raise AnchorFault("its listing does not go on")

    def _has_beyond(self, origin: str, size: int) -> bool:
        query = {"max-keys": "1", "prefix": f"{origin}/", "start-after": _beyond(origin, size)}
        page = self._list(f"list-type=2&{urlencode(query, quote_via=quote)}")
        return page.find("{*}Contents") is not None

    def _list(self, query: str) -> ElementTree.Element:
        answer = self._ask("GET", f"?{query}")
        try:
            return ElementTree.fromstring(answer.body)  # noqa: S314  expat bounds expansion itself, and 4 MB are the most
        except ElementTree.ParseError:
            raise AnchorFault("its listing cannot be read") from None

    def _check_lock(self, name: str) -> None:
        """Make sure that the store locked what it took: some take the headers and do nothing."""
        headers = self._ask("HEAD", name).headers
        try:
            until = datetime.fromisoformat(headers.get("x-amz-object-lock-retain-until-date", ""))
            is_locked = headers.get("x-amz-object-lock-mode") == _MODE and until > self._clock()
        except (ValueError, TypeError):  # no time, or one without a zone
            is_locked = False
        if not is_locked:
            raise AnchorFault(f"the object {name} was taken but is not locked: the bucket needs object lock")
        self._is_lock_seen = True

    def _ask(
        self,
        method: str,
        name: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        expected: tuple[int, ...] = (200,),
    ) -> Answer:
        url = f"{self.url}/{name}"
        signed = signed_headers(
            method,
            url,
            headers=headers or {},
            body=body,
            credentials=self._credentials,
            at=self._clock(),
        )
        answer = self._exchange.ask(method, url, headers=signed, body=body)
        if answer.status not in expected:
            raise AnchorFault(f"{method} was answered {answer.status}{_code(answer)}")
        return answer


def name_of(found: Checkpoint) -> str:
    """Return the name of the object that keeps a checkpoint. Names sort as sizes do."""
    return f"{found.origin}/{found.size:019d}-{found.root.hex()}"


def _beyond(origin: str, size: int) -> str:
    """Return what sorts behind every name of this size, and before those of the next."""
    return f"{origin}/{size:019d}{_AFTER_ALL}"


def _listed(key: str, origin: str, *, is_hidden: bool) -> Listed:
    found = _NAME.fullmatch(key.removeprefix(f"{origin}/"))
    if found is None or int(found["size"]) > LARGEST_SIZE:
        return Listed(key, 0, None, is_hidden)
    return Listed(key, int(found["size"]), bytes.fromhex(found["root"]), is_hidden)


def _code(answer: Answer) -> str:
    """Return the code of an error, and nothing else of it: its text repeats what was sent."""
    found = _CODE.search(answer.body)
    return "" if found is None else f" ({found[1].decode('ascii')})"
