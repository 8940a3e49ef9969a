"""Typed readers of environment variables. A wrong value stops the start and names its variable."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_WHOLE_PATH: Final = re.compile(r"/.*[^/]")
_WRONG_CONFIGURATION: Final = 2  # exit status


@contextlib.contextmanager
def told_in_one_line() -> Iterator[None]:
    """End the process with one line on stderr and status 2 when its configuration is wrong, without a traceback."""
    try:
        yield
    except ImproperlyConfigured as error:
        sys.stderr.write(f"Wrong configuration: {' '.join(str(error).split())}\n")
        sys.exit(_WRONG_CONFIGURATION)


class Environment:
    """Reads one mapping of variables, `os.environ` unless a test gives another.

    An empty value counts as not set, so that `NAME= make run` gives the default.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, default: str = "") -> str:
        """Return the value without surrounding blanks."""
        return self._variables.get(name, "").strip() or default

    def secret(self, name: str, default: str = "") -> str:
        """Return the value of `NAME`, or the content of the file that `NAME_FILE` names."""
        path = self.text(f"{name}_FILE")
        if not path:
            return _on_one_line(name, self.text(name)) or default
        if self.text(name):
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: keep one of them.")
        try:
            content = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read the file ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise ImproperlyConfigured(f"{name}_FILE: the file is not UTF-8 text.") from error
        if not content:  # the default would be taken silently, on each machine perhaps another
            raise ImproperlyConfigured(f"{name}_FILE: the file is empty; write {name} into it, or unset it.")
        return _on_one_line(f"{name}_FILE", content)

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        """Return a whole number within `least` and `most`, both included."""
        value = self.text(name)
        if not value:
            return default
        try:
            number = int(value)
        except ValueError:
            raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from None
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{name} must be between {least} and {most}, not {number}.")
        return number

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return True or False; accepts 1/0, true/false, yes/no, on/off in any case."""
        value = self.text(name).lower()
        if not value:
            return default
        if value in _TRUE | _FALSE:
            return value in _TRUE
        raise ImproperlyConfigured(f"{name} must be true or false, not {value!r}.")

    def choice(self, name: str, default: str, *, of: Sequence[str]) -> str:
        """Return one of the words in `of`."""
        value = self.text(name, default)
        if value not in of:
            raise ImproperlyConfigured(f"{name} must be one of {', '.join(of)}, not {value!r}.")
        return value

    def words(self, name: str) -> list[str]:
        """Return the parts of a comma-separated list, blanks removed."""
        value = self.text(name)
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if value and not parts:
            raise ImproperlyConfigured(f"{name} must be words with commas between them, not {value!r}.")
        return parts

    def url(self, name: str, default: str = "") -> str:
        """Return an http or https address without a trailing slash, or `default`."""
        value = self.text(name, default)
        if not value:
            return ""
        parts = _split(value)
        if parts is not None and "@" in parts.netloc:  # not repeated: it may be a password
            raise ImproperlyConfigured(
                f"{name} must not hold a user or password before its host: it is shown and logged."
            )
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ImproperlyConfigured(f"{name} must be an address like https://host, not {value!r}.")
        return value.rstrip("/")

    def base(self, name: str, default: str) -> str:
        """Return an address to which paths are appended: an `url` without query and fragment."""
        value = self.url(name, default)
        if "?" in value or "#" in value:
            raise ImproperlyConfigured(f"{name} must end before any ? or #: paths are appended to it.")
        return value

    def origin(self, name: str, default: str) -> str:
        """Return the address of a whole host: scheme, name and port alone."""
        value = self.base(name, default)
        if urlsplit(value).path:
            raise ImproperlyConfigured(
                f"{name} must be an address like https://host without a path, not {value!r}: "
                "give the portal a host name, or a port, of its own."
            )
        return value

    def database(self, name: str, default: str) -> dj_database_url.DBConfig:
        """Return what Django needs to know of the database; its address may hold a password and is not repeated."""
        value = self.text(name, default)
        try:
            if urlsplit(value).scheme not in {"sqlite", "postgres", "postgresql"}:
                raise ValueError(value)  # noqa: TRY301  the same sentence for all that is wrong with it
            parsed = dj_database_url.parse(value, conn_max_age=600, conn_health_checks=True)
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must be sqlite:////folder/file or postgresql://user:password@host/name; "
                "special characters in its parts are written like %40."
            ) from None
        if value.startswith("sqlite") and not _WHOLE_PATH.fullmatch(parsed["NAME"]):
            raise ImproperlyConfigured(
                f"{name} must name a file by its whole path, sqlite:////folder/file with four slashes: "
                "several processes share it."
            )
        if not parsed["NAME"]:
            raise ImproperlyConfigured(f"{name} must end with a database: postgresql://user@host/name.")
        return parsed

    def redis(self, name: str) -> str:
        """Return the address of a Redis, or nothing; it may hold a password and is not repeated."""
        value = self.text(name)
        if not value:
            return ""
        parts = _split(value)
        if parts is not None and (
            (parts.scheme in {"redis", "rediss"} and parts.hostname)
            or (parts.scheme == "unix" and parts.path)
        ):
            return value
        raise ImproperlyConfigured(
            f"{name} must be redis://host:port/number, rediss://host:port/number for TLS, "
            "or unix:///path/of/socket."
        )


def _on_one_line(name: str, secret: str) -> str:
    if len(secret.splitlines()) > 1:
        raise ImproperlyConfigured(f"{name} must hold one line, the secret alone.")
    return secret


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address, or None when it has none, or a port that is no port."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  looked at only now whether it is a number
    except ValueError:
        return None
    return parts
