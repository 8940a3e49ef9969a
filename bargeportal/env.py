"""Typed readers of environment variables. A wrong value stops the start and names its variable."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


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
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ImproperlyConfigured(f"{name} must be an address like https://host, not {value!r}.")
        return value.rstrip("/")
