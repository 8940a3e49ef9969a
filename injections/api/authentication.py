"""API tokens: knox's, hashed at rest."""

import binascii
from hmac import compare_digest
from django.contrib.auth.models import User
from django.db.models import F, Q
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from knox.models import AuthToken
from knox.settings import CONSTANTS
from rest_framework.exceptions import AuthenticationFailed

from injections.callers import remember_roles


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """Knox's check of `Authorization: Token <token>`, with one query for token, user and roles.

    Knox itself looks for the user's other expired tokens at each request, and deletes what it finds: queries for each
    click, and a change without a record.
    """

    def authenticate_credentials(self, token: bytes) -> tuple[User, AuthToken]:
        """Return user and token. Raises AuthenticationFailed, also for bytes that are no text."""
        try:
            text = token.decode()
            digest = hash_token(text)
        except (UnicodeDecodeError, TypeError, binascii.Error):
            raise AuthenticationFailed("Invalid token.") from None
        lasts = Q(expiry__isnull=True) | Q(expiry__gt=timezone.now())
        rows = AuthToken.objects.filter(lasts, token_key=text[: CONSTANTS.TOKEN_KEY_LENGTH])
        found = rows.select_related("user").annotate(group=F("user__groups__name"))  # a row for each group
        held = [row for row in found if compare_digest(digest, row.digest)]
        if not held:
            raise AuthenticationFailed("Invalid token.")
        remember_roles(held[0].user, [row.group for row in held])
        user, found_token = self.validate_user(held[0])
        return user, found_token
