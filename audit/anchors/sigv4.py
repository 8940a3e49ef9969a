"""AWS Signature Version 4 for S3, in headers (Amazon S3 API reference, "Signature Calculations for the Authorization
Header: Transferring Payload in a Single Chunk"). Pure: the time is an argument.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key and where it is valid."""

    access_key: str
    secret_key: str = field(repr=False)
    region: str


def signed_headers(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    credentials: Credentials,
    at: datetime,
) -> dict[str, str]:
    """Return `headers` and those that authenticate the request; all of them are signed, in lower case.

    The path of `url` is taken as it stands, percent-encoded already.
    """
    parts = urlsplit(url)
    time = at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{time[:8]}/{credentials.region}/s3/aws4_request"
    digest = hashlib.sha256(body).hexdigest()
    host = parts.hostname or ""
    if parts.port is not None and parts.port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{parts.port}"
    signed = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    signed |= {"host": host, "x-amz-content-sha256": digest, "x-amz-date": time}
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            parts.path or "/",
            canonical_query(parts.query),
            *(f"{name}:{signed[name]}" for name in sorted(signed)),
            "",
            names,
            digest,
        ]
    )
    to_sign = "\n".join([_ALGORITHM, time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = _hmac(_signing_key(credentials, scope), to_sign).hex()
    credential = f"{credentials.access_key}/{scope}"
    authorization = f"{_ALGORITHM} Credential={credential},SignedHeaders={names},Signature={signature}"
    return {**signed, "authorization": authorization}


def canonical_query(query: str) -> str:
    """Return a query with its parameters sorted and encoded in the one way that is signed."""
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(
        sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    )


def _signing_key(credentials: Credentials, scope: str) -> bytes:
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
