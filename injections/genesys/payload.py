"""The play command's body, and which recording addresses may stand in it. Pure."""

import ipaddress
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote_to_bytes, urlsplit

from .types import PlayCommand

MAX_DURATION_MS = 30_000
MAX_URL_LENGTH = 2048
AUDIO_EXTENSIONS = (".wav", ".mp3", ".ogg")
DEFAULT_PORTS = {"https": 443, "http": 80}

# Query parameters by which the usual stores and gateways sign an address (lower case).
SIGNATURE_PARAMETERS = frozenset(
    {
        "x-amz-signature", "x-goog-signature", "x-oss-signature", "signature", "sig", "sign",
        "hmac", "token", "__token__", "hdnts", "hdnea", "hash", "md5", "auth_key",
    }
)  # fmt: skip

# An encoded one of these would let two programs read two different paths from one address.
_CONFUSING = frozenset(b"./\\;?#%")
_ENCODED_BYTE = re.compile(r"%([0-9A-Fa-f]{2})?")
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")


class BadAudioUrl(ValueError):
    """A recording's address cannot be used. `code` is `bad_audio_url` or `host_not_allowed`."""

    def __init__(self, message: str, *, code: str = "bad_audio_url") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


def play_payload(command: PlayCommand) -> dict[str, Any]:
    """Return the JSON body of the play command (contract: Dispatch)."""
    return {
        "type": "play",
        "sourceType": "url",
        "sourceUrl": command.source_url,
        "mute": command.mute,
        "maxDuration": iso_duration(command.max_duration_ms),
    }


def iso_duration(ms: int) -> str:
    """Return 1..30 000 milliseconds as an ISO 8601 duration, to the millisecond: `PT0.5S`, `PT15S`.

    Raises ValueError outside of that range: a rounded `PT0S` would play nothing, or everything.
    """
    if isinstance(ms, bool) or not isinstance(ms, int) or not 1 <= ms <= MAX_DURATION_MS:
        raise ValueError(f"A recording plays for 1 to {MAX_DURATION_MS} whole milliseconds, not {ms!r}.")
    seconds, rest = divmod(ms, 1000)
    fraction = f".{rest:03d}".rstrip("0") if rest != 0 else ""
    return f"PT{seconds}{fraction}S"


def has_signature(url: str) -> bool:
    """Say whether the query carries a signature, so that any change of it would break the address."""
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return any(name.lower() in SIGNATURE_PARAMETERS for name, _ in pairs)


def level_url(url: str) -> str:
    """Return the address with `normalize=true` in its query; what stood there stays byte for byte.

    Raises BadAudioUrl when the address is signed already, or says another `normalize`.
    """
    said = [v for name, v in parse_qsl(urlsplit(url).query, keep_blank_values=True) if name == "normalize"]
    if said == ["true"]:
        return url
    if said:
        raise BadAudioUrl(
            "The address already carries another 'normalize'. Remove it, or switch level normalisation off."
        )
    if has_signature(url):
        raise BadAudioUrl(
            "The address is signed, and adding normalize=true would break its signature. "
            "Have it signed with normalize=true in it, or switch level normalisation off."
        )
    if "?" not in url:
        return f"{url}?normalize=true"
    return f"{url}{'' if url.endswith(('?', '&')) else '&'}normalize=true"


def validate_source_url(url: str, *, allowed_hosts: Collection[str], own_base_url: str) -> None:
    """Raise BadAudioUrl unless the platform may be told to fetch a recording from this address.

    `allowed_hosts` are exact names, `host` or `host:port`: an entry without a port allows the scheme's
    own port only, and no entry allows its subdomains. The portal's own origin is always allowed.
    Plain http is for this machine only.
    """
    parts = _split(url)
    _check_form(parts)
    _check_path(parts.path)
    _check_host(parts, allowed_hosts=allowed_hosts, own_base_url=own_base_url)


def _split(url: str) -> SplitResult:
    if not isinstance(url, str) or not 1 <= len(url) <= MAX_URL_LENGTH:
        raise BadAudioUrl(f"The address of the recording must be a text of 1 to {MAX_URL_LENGTH} characters.")
    # Checked before parsing: urlsplit drops tabs and line ends, and a host may not be what it looks like.
    if _VISIBLE_ASCII.fullmatch(url) is None or "\\" in url:
        raise BadAudioUrl(
            "The address of the recording holds a space, a backslash or a character outside of ASCII. "
            "Percent-encode it; write an international host name in its xn-- form."
        )
    if "#" in url:
        raise BadAudioUrl("The address of the recording holds a fragment (#…). Remove it.")
    try:
        parts = urlsplit(url)
        _ = parts.port  # parsed on access
    except ValueError:
        raise BadAudioUrl("The address of the recording cannot be read. Copy it again, complete.") from None
    return parts


def _check_form(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if parts.scheme not in DEFAULT_PORTS or not _is_host(host):
        raise BadAudioUrl("The address of the recording must begin with https:// and a host name.")
    if parts.scheme == "http" and not is_loopback(host):
        raise BadAudioUrl("The recording must be fetched over https; plain http is for this machine only.")
    if "@" in parts.netloc:
        raise BadAudioUrl("The address of the recording holds a user name or password. Remove it.")
    if parts.netloc.endswith(":"):
        raise BadAudioUrl("The address of the recording names an empty port. Remove the colon.")


def _check_path(path: str) -> None:
    for encoded in _ENCODED_BYTE.finditer(path):
        byte = unquote_to_bytes(encoded[0])
        if len(byte) != 1 or byte[0] in _CONFUSING or byte[0] < 0x20 or byte[0] == 0x7F:
            raise BadAudioUrl(
                f"The path of the recording holds {encoded[0]!r}, which two programs may read differently. "
                "Give the recording a plain name."
            )
    segments = path.split("/")
    stem, dot, extension = segments[-1].rpartition(".")
    if stem == "" or (dot + extension).lower() not in AUDIO_EXTENSIONS:
        raise BadAudioUrl(
            "The path of the recording must end in .wav, .mp3 or .ogg. Use the address of the file itself."
        )
    if ";" in path or "." in segments or ".." in segments:
        raise BadAudioUrl("The path of the recording holds ';', './' or '../'. Use the file's plain path.")


def _check_host(parts: SplitResult, *, allowed_hosts: Collection[str], own_base_url: str) -> None:
    host, port = parts.hostname or "", _port(parts)
    own = urlsplit(own_base_url)
    own_origin = (own.scheme, own.hostname, _port(own))
    if (parts.scheme, host, port) == own_origin:
        return
    shown = f"[{host}]" if ":" in host else host
    names = {f"{shown}:{port}"} | ({shown} if port == DEFAULT_PORTS[parts.scheme] else set())
    if names.isdisjoint(entry.strip().lower() for entry in allowed_hosts):
        wanted = min(names, key=len)
        raise BadAudioUrl(
            f"Recordings from {wanted} are not allowed here. "
            f"An administrator can allow them by adding {wanted} to INJECT_AUDIO_HOSTS.",
            code="host_not_allowed",
        )


def _port(parts: SplitResult) -> int | None:
    return DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= 253 and _HOST.fullmatch(host) is not None
    return _address(host) is not None


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
