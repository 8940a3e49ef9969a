"""Keys that the embedded default makes for itself, one file each, readable by their owner alone."""

import contextlib
import os
import secrets
from pathlib import Path


def stored_key(data_dir: Path, name: str) -> str:
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
            fresh.write_text(secrets.token_urlsafe(48), encoding="ascii")
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        return path.read_text(encoding="ascii").strip()
    except OSError:
        return ""
