"""Several things at the very same moment, each with a database connection of its own."""

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


def at_once(*steps: Callable[[], Any]) -> list[BaseException | None]:
    """Take all steps at the same moment; return what each of them raised."""
    gate = threading.Barrier(len(steps))
    raised: list[BaseException | None] = [None] * len(steps)

    def take(place: int) -> None:
        try:
            gate.wait(timeout=5)
            steps[place]()
        except Exception as error:  # noqa: BLE001  whatever it was is what the test looks at
            raised[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take, args=(place,)) for place in range(len(steps))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert not any(thread.is_alive() for thread in threads), "a step did not end"
    return raised
