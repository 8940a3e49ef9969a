"""API tokens: knox's, hashed at rest."""

import binascii
from hmac import compare_digest
from typing import Final

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed

from injections.callers import remember_roles

_COLUMNS: Final = ("id", "username", "first_name", "last_name", "is_active")
# A row for each group of the user. Fixed, since every click waits for it (decision 0009).
_QUERY: Final = f"""SELECT token.digest, role.name, {", ".join(f"holder.{name}" for name in _COLUMNS)}
FROM knox_authtoken AS token JOIN auth_user AS holder ON holder.id = token.user_id
LEFT JOIN auth_user_groups AS member ON member.user_id = holder.id
LEFT JOIN auth_group AS role ON role.id = member.group_id
WHERE token.token_key = %s AND (token.expiry IS NULL OR token.expiry > %s) AND holder.is_active"""  # noqa: S608  own names


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """Knox's check of `Authorization: Token <token>`, with one query for token, user and roles.

    Knox itself looks for the user's other expired tokens at each request, and deletes what it finds: queries for each
    click, and a change without a record.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, None]:
        """Return the user. Raises AuthenticationFailed, also for bytes that are no text."""
        try:
            text = token.decode()
            digest = hash_token(text)
        except (UnicodeDecodeError, TypeError, binascii.Error):
            raise AuthenticationFailed("Invalid token.") from None
        now = connection.ops.adapt_datetimefield_value(timezone.now())
        with connection.cursor() as cursor:
            cursor.execute(_QUERY, [text[: CONSTANTS.TOKEN_KEY_LENGTH], now])
            held = [row[1:] for row in cursor.fetchall() if compare_digest(digest, row[0])]
        if not held:
            raise AuthenticationFailed("Invalid token.")
        user = User.from_db(connection.alias, _COLUMNS, held[0][1:])  # the rest is read when it is asked for
        remember_roles(user, [group for group, *_ in held])
        return user, None
