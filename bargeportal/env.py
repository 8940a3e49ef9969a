"""Typed readers of environment variables. A wrong value stops the start and names its variable."""

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
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
            return self.text(name, default)
        if self.text(name):
            raise ImproperlyConfigured(f"{name} and {name}_FILE are both set: keep one of them.")
        try:
            return Path(path).read_text(encoding="utf-8").strip() or default
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: cannot read the file ({error.strerror}).") from error
        except UnicodeDecodeError as error:
            raise ImproperlyConfigured(f"{name}_FILE: the file is not UTF-8 text.") from error

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
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def url(self, name: str, default: str = "") -> str:
        """Return an http or https address without a trailing slash, or `default`."""
        value = self.text(name, default)
        if not value:
            return ""
        parts = _split(value)
        if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ImproperlyConfigured(f"{name} must be an address like https://host, not {value!r}.")
        return value.rstrip("/")

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
        if parsed["NAME"] in {"", ":memory:"} and value.startswith("sqlite"):
            raise ImproperlyConfigured(
                f"{name} must name a file, sqlite:////folder/file: several processes share it."
            )
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


def _split(address: str) -> SplitResult | None:
    """Return the parts of an address, or None when it has none, or a port that is no port."""
    try:
        parts = urlsplit(address)
        parts.port  # noqa: B018  looked at only now whether it is a number
    except ValueError:
        return None
    return parts
