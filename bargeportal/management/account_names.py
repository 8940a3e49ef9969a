"""What an account may be called."""

import re

from django.core.management.base import CommandError


def check_account_name(name: str) -> None:
    """Raise CommandError unless `name` can be a user name."""
    if len(name) > 150 or re.fullmatch(r"[\w.@+-]+", name) is None:
        raise CommandError("A name has at most 150 letters, digits and @ . + - _ characters.")
