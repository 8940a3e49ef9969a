"""Addresses of the portal's own recordings: signed and expiring for the media server, by login for people."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils.text import slugify

from injections.genesys.payload import DEFAULT_PORTS
from injections.models import AudioClip

LINK_LIFETIME_S: Final = 600  # a queued request signs anew at each try, so a link need only outlive one fetch
_OWN_PATH: Final = re.compile(r"^/media/clips/(?P<clip_id>[0-9a-f-]{36})/(?:[^/]+/)?[^/]+\.(?:wav|mp3|ogg)$")


class LinkRefused(ValueError):
    """A media address is forged, changed or too old."""


@dataclass(frozen=True, slots=True)
class MediaLink:
    """What a signed address stands for."""

    clip_id: UUID
    is_levelled: bool


def clip_url(clip: AudioClip, *, normalize: bool, now_s: float) -> str:
    """Return the absolute address from which the media server fetches `clip`, valid for ten minutes.

    The signature covers the recording, the file name, the expiry and `normalize=true`, which is part of the
    address before it is signed. The levelled rendition is always a WAV file.
    """
    name = file_name(clip, is_levelled=normalize)
    expires = int(now_s) + LINK_LIFETIME_S
    signature = _signature(clip_id=clip.pk, name=name, is_levelled=normalize, expires=expires)
    path = reverse("clip_media", args=[clip.pk, f"{expires}-{signature}", name])
    return f"{settings.PORTAL_BASE_URL}{path}{'?normalize=true' if normalize else ''}"


def public_url(clip: AudioClip) -> str:
    """Return the lasting address by which API clients name `clip`. It serves nothing without a signature."""
    return f"{settings.PORTAL_BASE_URL}/media/clips/{clip.pk}/{file_name(clip, is_levelled=False)}"


def listen_path(clip: AudioClip, *, is_levelled: bool = False) -> str:
    """Return the path from which people who are logged in listen to `clip` in their browser."""
    return reverse("clip_audio", args=[clip.pk]) + ("?levelled=1" if is_levelled else "")


def file_name(clip: AudioClip, *, is_levelled: bool) -> str:
    """Return a readable file name that ends in the true format."""
    return f"{slugify(clip.title) or 'recording'}.{'wav' if is_levelled else clip.container}"


def read_link(*, clip_id: UUID, token: str, name: str, is_levelled: bool, now_s: float) -> MediaLink:
    """Return what a signed address stands for. Raises LinkRefused when it is not ours, changed or expired."""
    expires, _, signature = token.partition("-")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 12):
        raise LinkRefused("this address is not signed")
    try:
        _signer().unsign(f"{_payload(clip_id, name, is_levelled, int(expires))}:{signature}")
    except BadSignature:
        raise LinkRefused("this address was changed after it was signed") from None
    if int(expires) < now_s:
        raise LinkRefused("this address has expired")
    return MediaLink(clip_id=clip_id, is_levelled=is_levelled)


def own_clip_id(url: str) -> UUID | None:
    """Return the id of the portal's own recording that `url` names, or None for any other address."""
    if not is_own(url):
        return None
    match = _OWN_PATH.match(urlsplit(url).path)
    try:
        return UUID(match["clip_id"]) if match else None
    except ValueError:
        return None


def is_own(url: str) -> bool:
    """Tell whether `url` points to this portal, in whichever case and with or without its usual port."""
    origin = _origin(url)
    return origin is not None and origin == _origin(settings.PORTAL_BASE_URL)


def without_secrets(url: str) -> str:
    """Return `url` without its query and without the signature of our own links, fit for a record."""
    parts = urlsplit(url)
    path = re.sub(r"^(/media/clips/[^/]+)/[0-9]+-[^/]+/", r"\1/", parts.path)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _origin(url: str) -> tuple[str, str, int] | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or parts.hostname is None:
        return None
    return parts.scheme, parts.hostname, DEFAULT_PORTS[parts.scheme] if port is None else port


def _signature(*, clip_id: UUID, name: str, is_levelled: bool, expires: int) -> str:
    return _signer().signature(_payload(clip_id, name, is_levelled, expires))


def _payload(clip_id: UUID, name: str, is_levelled: bool, expires: int) -> str:
    return f"{clip_id}/{name}/{'levelled' if is_levelled else 'plain'}/{expires}"


def _signer() -> Signer:
    return Signer(key=settings.MEDIA_SIGNING_KEY, salt="injections.media")
