"""What the product asks of a platform, whichever way that platform plays a recording."""

from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from ..types import Accepted, CallState, PlayCommand


class Driver(Protocol):
    """One way of playing a recording into a call. Every method raises GenesysError."""

    def fetch_call_state(
        self, *, conversation_id: UUID, participant_id: UUID, with_hindrances: bool = False
    ) -> CallState:
        """Return the call and the participant as they are now, and what hinders if asked for. Changes nothing."""
        ...

    def play(
        self,
        *,
        conversation_id: UUID,
        participant_id: UUID,
        command: PlayCommand,
        is_wanted: Callable[[], bool] = lambda: True,
    ) -> Accepted:
        """Send the command once, and not at all when `is_wanted` says no just before it would leave."""
        ...

    def register_completion_webhook(self, *, name: str, address: str) -> bool:
        """Have completion events sent to the address; return whether that had to be set up now."""
        ...

    def warm(self) -> None:
        """Prepare token and connections, so that the first command does not wait for them."""
        ...
