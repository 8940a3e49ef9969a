"""How a command is told a password: typed twice at a terminal, or one line of its input."""

import sys
from getpass import getpass

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError


def ask_password_of(user: User) -> str:
    """Return the new password of `user`. Raises CommandError when it can be guessed, or the two differ."""
    password = _typed_twice() if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    return password


def _typed_twice() -> str:
    password = getpass("Password: ")
    if getpass("The same again: ") != password:
        raise CommandError("The two passwords differ.")
    return password
