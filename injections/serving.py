"""Sends a stored recording: exact length, ETag, HEAD, and one range, which players ask for (RFC 9110, section 14)."""

import re
from collections.abc import Iterator
from typing import Final

from django.core.files import File
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from injections.models import AudioClip

_TYPES: Final = {"wav": "audio/wav", "mp3": "audio/mpeg", "ogg": "audio/ogg"}
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_CHUNK: Final = 64 * 1024


def recording_response(request: HttpRequest, clip: AudioClip, *, is_levelled: bool) -> HttpResponseBase:
    """Return the bytes of `clip`, as uploaded or levelled, or the range of them that was asked for.

    The ETag is the SHA-256 of the whole file, the same digest that the record of an injection holds.
    """
    name = clip.levelled_storage_name if is_levelled else clip.storage_name
    etag = f'"{clip.levelled_sha256 if is_levelled else clip.sha256}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    file = default_storage.open(name)
    size = file.size
    wanted = _range(request.headers.get("Range", ""), size)
    response: HttpResponseBase
    if wanted is None:
        response = FileResponse(file)
        first, last = 0, size - 1
    elif wanted == (0, -1):
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    else:
        first, last = wanted
        response = StreamingHttpResponse(_part(file, first, last), status=206)
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["Content-Type"] = "audio/wav" if is_levelled else _TYPES[clip.container]
    response["Content-Length"] = str(last - first + 1)
    response["Content-Disposition"] = "inline"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "private, max-age=600"
    return response


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


def _part(file: "File[bytes]", first: int, last: int) -> Iterator[bytes]:
    with file:
        file.seek(first)
        left = last - first + 1
        while left > 0:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk
