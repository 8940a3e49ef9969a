"""API tokens: knox's, hashed at rest."""

from typing import Any

from django.utils import timezone
from knox.auth import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed


class ApiTokenAuthentication(TokenAuthentication):  # type: ignore[misc]  # knox has no types
    """Knox's check of `Authorization: Token <token>`, without what it does beside it.

    Knox looks for the user's other expired tokens at each request, and deletes what it finds: a query for each click,
    and a change without a record.
    """

    def authenticate_credentials(self, token: bytes) -> Any:
        """Return user and token. Raises AuthenticationFailed, also for bytes that are no text."""
        try:
            return super().authenticate_credentials(token)
        except UnicodeDecodeError:
            raise AuthenticationFailed("Invalid token.") from None

    def _cleanup_token(self, auth_token: Any) -> bool:
        """Tell whether the token has expired."""
        return auth_token.expiry is not None and auth_token.expiry < timezone.now()
