"""Keys that the embedded default makes for itself, one file each, readable by their owner alone."""

import base64
import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def made_key() -> str:
    """Return a new key: 64 characters that need no quoting anywhere."""
    return secrets.token_urlsafe(48)


def made_webhook_secret() -> str:
    """Return a new secret as every library of Standard Webhooks takes it: base64 of the key, after `whsec_`."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


def stored_key(data_dir: Path, name: str, *, make: Callable[[], str] = made_key) -> str:
    """Return the key `name` kept below `data_dir`/keys; make it when it is not there yet.

    Returns an empty string where the folder cannot be written: a system check then says so by its id.
    """
    path = data_dir / "keys" / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Written whole beside it, then linked: of two processes that start at once both read the same key.
        fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
        if not path.exists():
            fresh.touch(mode=0o600)
            fresh.write_text(make(), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
