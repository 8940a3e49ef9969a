"""The small part of S3 that anchors need, over a real socket: versions, object lock, listings, signatures checked.

Written from the S3 API reference, apart from the product's own code; signatures are of the requests as they come.
"""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ACCESS_KEY, SECRET_KEY, REGION, NAME = "AKIATESTS", "a-secret/of+the-tests", "eu-test-1", "anchors"
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@dataclass
class Version:
    """One version of an object; `body` is None for a delete marker."""

    key: str
    body: bytes | None
    mode: str = ""
    until: str = ""


@dataclass
class Store:
    """What the bucket holds, and how it behaves."""

    has_lock: bool = True
    ignores_lock: bool = False
    page: int = 1000
    url: str = ""
    versions: list[Version] = field(default_factory=list)  # oldest first
    requests: list[tuple[str, str]] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def newest(self, key: str) -> Version | None:
        found = [each for each in self.versions if each.key == key]
        return found[-1] if found and found[-1].body is not None else None

    def visible(self) -> list[str]:
        return sorted({each.key for each in self.versions if self.newest(each.key) is not None})

    def hide(self, key: str) -> None:
        """Delete without naming a version, which S3 lets anybody do who may delete, locked or not."""
        self.versions.append(Version(key, None))


@contextmanager
def s3_server(**behaviour: object) -> Iterator[Store]:
    store = Store(**behaviour)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": store}))
    server.daemon_threads = True
    store.url = f"http://127.0.0.1:{server.server_port}/{NAME}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15
    store: Store

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve()

    do_PUT = do_HEAD = do_GET

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        key = unquote(parts.path).removeprefix(f"/{NAME}").removeprefix("/")
        with self.store.guard:
            self.store.requests.append((self.command, self.path))
            if fault := self._signature_fault(body):
                self._refuse(403, fault)
            elif self.command == "PUT":
                self._put(key, body)
            elif key:
                self._get(key)
            elif "versions" in query:
                self._list_versions(query)
            else:
                self._list(query)

    def _put(self, key: str, body: bytes) -> None:
        mode = self.headers.get("x-amz-object-lock-mode", "")
        until = self.headers.get("x-amz-object-lock-retain-until-date", "")
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if mode and not self.store.has_lock:
            self._refuse(400, "InvalidRequest", "Bucket is missing Object Lock Configuration")
        elif mode and self.headers.get("Content-MD5") != digest:
            self._refuse(400, "InvalidDigest")
        elif mode and datetime.fromisoformat(until) <= datetime.now(UTC):
            self._refuse(400, "InvalidArgument", "The retain until date must be in the future!")
        elif self.headers.get("If-None-Match") == "*" and self.store.newest(key) is not None:
            self._refuse(412, "PreconditionFailed")
        else:
            lock = ("", "") if self.store.ignores_lock else (mode, until)
            self.store.versions.append(Version(key, body, *lock))
            self._answer(200, b"")

    def _get(self, key: str) -> None:
        found = self.store.newest(key)
        if found is None or found.body is None:
            self._refuse(404, "NoSuchKey")
            return
        lock = (
            {"x-amz-object-lock-mode": found.mode, "x-amz-object-lock-retain-until-date": found.until}
            if found.mode
            else {}
        )
        self._answer(200, found.body, **lock)

    def _list(self, query: dict[str, str]) -> None:
        keys = [
            key
            for key in self.store.visible()
            if key.startswith(query.get("prefix", "")) and key > query.get("start-after", "")
        ]
        most = int(query.get("max-keys", 1000))
        rows = "".join(f"<Contents><Key>{escape(key)}</Key></Contents>" for key in keys[:most])
        self._answer(200, f'<ListBucketResult xmlns="{_NAMESPACE}">{rows}</ListBucketResult>'.encode())

    def _list_versions(self, query: dict[str, str]) -> None:
        """Newest version first among those of a key; a version id is its number."""
        marker = (query.get("key-marker", ""), -int(query.get("version-id-marker", 0)) or 1)
        all_of_them = sorted((each.key, -number, each) for number, each in enumerate(self.store.versions, 1))
        rows = [row for row in all_of_them if row[0].startswith(query.get("prefix", "")) and row[:2] > marker]
        page = rows[: self.store.page]
        told = "".join(
            f"<{kind}><Key>{escape(key)}</Key><VersionId>{-number}</VersionId></{kind}>"
            for key, number, each in page
            for kind in ["DeleteMarker" if each.body is None else "Version"]
        )
        more = (
            f"<IsTruncated>true</IsTruncated><NextKeyMarker>{escape(page[-1][0])}</NextKeyMarker>"
            f"<NextVersionIdMarker>{-page[-1][1]}</NextVersionIdMarker>"
            if len(rows) > len(page)
            else "<IsTruncated>false</IsTruncated>"
        )
        self._answer(
            200, f'<ListVersionsResult xmlns="{_NAMESPACE}">{more}{told}</ListVersionsResult>'.encode()
        )

    def _signature_fault(self, body: bytes) -> str:
        given = self.headers.get("Authorization", "").removeprefix("AWS4-HMAC-SHA256 ")
        parts = dict(part.strip().split("=", 1) for part in given.split(",") if "=" in part)
        names = parts.get("SignedHeaders", "").split(";")
        time, digest = self.headers.get("x-amz-date", ""), self.headers.get("x-amz-content-sha256", "")
        if parts.get("Credential") != f"{ACCESS_KEY}/{time[:8]}/{REGION}/s3/aws4_request":
            return "InvalidAccessKeyId"
        sent = {name.lower() for name in self.headers if name.lower().startswith("x-amz-")} | {"host"}
        if not sent <= set(names) or digest != hashlib.sha256(body).hexdigest():
            return "SignatureDoesNotMatch"
        expected = self._signature(names, time, digest)
        return "" if hmac.compare_digest(expected, parts.get("Signature", "")) else "SignatureDoesNotMatch"

    def _signature(self, names: list[str], time: str, digest: str) -> str:
        parts = urlsplit(self.path)
        pairs = sorted(
            (quote(name, safe=""), quote(value, safe=""))
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        )
        query = "&".join(f"{name}={value}" for name, value in pairs)
        headers = "".join(f"{name}:{self.headers.get(name, '').strip()}\n" for name in names)
        canonical = f"{self.command}\n{parts.path}\n{query}\n{headers}\n{';'.join(names)}\n{digest}"
        scope = f"{time[:8]}/{REGION}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{time}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{SECRET_KEY}".encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), "sha256").digest()
        return key.hex()

    def _refuse(self, status: int, code: str, message: str = "") -> None:
        # As S3 does: the answer repeats who asked, and what was to be signed.
        told = f"<Code>{code}</Code><Message>{message}</Message><AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId>"
        self._answer(status, f"<Error>{told}</Error>".encode())

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
