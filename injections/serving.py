"""Sends a stored recording: exact length, ETag, HEAD, and one range, which players ask for (RFC 9110, section 14)."""

import logging
import re
from collections.abc import Iterator
from typing import Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags

from injections.models import AudioClip

log = logging.getLogger(__name__)
_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK: Final = 64 * 1024


def recording_response(request: HttpRequest, clip: AudioClip, *, is_levelled: bool) -> HttpResponseBase:
    """Return the bytes of `clip`, as uploaded or levelled, or the range of them that was asked for.

    The ETag is the SHA-256 of the whole file, the same digest that the record of an injection holds.
    Raises Http404 when the file is gone from the storage.
    """
    name = clip.levelled_storage_name if is_levelled else clip.storage_name
    etag = f'"{clip.levelled_sha256 if is_levelled else clip.sha256}"'
    if _has_already(request, etag):
        return HttpResponse(status=304, headers={"ETag": etag})
    file = _open(name)
    size = file.size
    wanted = _range(_range_header(request, etag), size)
    response: HttpResponseBase
    if wanted is None:
        response = FileResponse(file)
        first, last = 0, size - 1
    elif wanted == (0, -1):
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        first, last = wanted
        response = StreamingHttpResponse(_Part(file, first, last), status=206)
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Type"] = "audio/wav" if is_levelled else _TYPES[clip.container]
    response["Content-Length"] = str(last - first + 1)
    response["Content-Disposition"] = "inline"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=600"
    return response


def _has_already(request: HttpRequest, etag: str) -> bool:
    known = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    return etag in known or "*" in known


def _open(name: str) -> "File[bytes]":
    try:
        return default_storage.open(name)
    except FileNotFoundError:
        log.exception("the file of a recording is gone from the storage: %s", name)
        raise Http404("The file of this recording is gone.") from None


def _range_header(request: HttpRequest, etag: str) -> str:
    """Return the range asked for; only GET knows ranges, and If-Range wants one of this version alone."""
    if request.method != "GET" or request.headers.get("If-Range", etag) != etag:
        return ""
    return request.headers.get("Range", "")


def _range(header: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte; None for the whole file; (0, -1) for a range that holds nothing."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or match[0] == "bytes=-":
        return None  # absent, several or unknown: the whole file is a lawful answer
    if not match[1]:
        length = min(int(match[2]), size)
        return (size - length, size - 1) if length > 0 else (0, -1)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    return (first, last) if first <= last else (0, -1)


class _Part:
    """The bytes `first` to `last` of a file. The response closes it, read or not: a client may be gone before."""

    def __init__(self, file: "File[bytes]", first: int, last: int) -> None:
        self._file = file
        self._first = first
        self._left = last - first + 1

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._first)
        while self._left > 0 and (chunk := self._file.read(min(_CHUNK, self._left))):
            self._left -= len(chunk)
            yield chunk

    def close(self) -> None:
        """Close the file."""
        self._file.close()
