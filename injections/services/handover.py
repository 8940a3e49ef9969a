"""The end of a process: what it tries may finish; what has not been sent by then goes back to the table at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from injections.lifecycle import WAITING
from injections.models import InjectionRequest

_held: set[UUID] = set()  # the leases of this process; one operation of a set is safe between threads


@contextmanager
def holding(lease: UUID | None) -> Iterator[None]:
    """Know of a lease for as long as this process tries what it stands for."""
    if lease is None:
        yield
        return
    _held.add(lease)
    try:
        yield
    finally:
        _held.discard(lease)


def hand_back() -> int:
    """Give up the leases of this process on what has not been sent; return how many.

    Another may take it up now instead of when the lease lapses. A thread of this process that still tries it finds its
    claim lost before it sends anything. What has been sent keeps its lease: its answer may yet come.
    """
    rows = InjectionRequest.objects.filter(lease_token__in=list(_held), status__in=sorted(WAITING))
    return rows.update(lease_token=None, lease_until=None)
