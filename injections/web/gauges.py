"""The watchdog's numbers as gauges: read from the tables when asked for, not counted beside the work."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from injections.gate import GateView
from injections.selectors import StatusSummary
from injections.web.words import seconds_since

if TYPE_CHECKING:
    from prometheus_client.core import GaugeMetricFamily

_Gauge = tuple[str, str, float | None]


def exposition(summary: StatusSummary, view: GateView, *, now: datetime) -> tuple[bytes, str]:
    """Return the gauges in the text form of Prometheus, and its content type. What is not known has no sample."""
    from prometheus_client import CollectorRegistry  # here: a portal that nobody measures need not load it
    from prometheus_client.core import GaugeMetricFamily
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

    class Collector:
        def collect(self) -> "Iterator[GaugeMetricFamily]":
            for name, words, value in gauges(summary, view, now=now):
                yield GaugeMetricFamily(f"bargeportal_{name}", words, value=value)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def gauges(summary: StatusSummary, view: GateView, *, now: datetime) -> list[_Gauge]:
    """Return name, meaning and value of each; None where it is not known."""
    is_registered = summary.registered_at is not None and not summary.registration_problem
    return [
        ("injections_waiting", "Injections that wait to be sent", summary.waiting),
        (
            "injections_overdue_seconds",
            "How long the oldest waiting injection is overdue",
            seconds_since(summary.oldest_due_at, now=now),
        ),
        ("injections_unknown", "Injections that may have been played", summary.unknown),
        ("injections_unconfirmed", "Accepted injections whose end was not reported", summary.unconfirmed),
        ("leases_lapsed_1d", "Tries of the last day whose process ended in the middle", summary.left_behind),
        ("gate_known", "1: breaker and request limit can be read", float(view.is_known)),
        ("breaker_open", "1: requests to the platform are held back", _known(view, float(view.is_open))),
        ("breaker_forced", "1: an administrator holds them back", _known(view, float(view.forced_by != ""))),
        ("requests_allowed", "Requests that the platform allows in a minute", _known(view, view.allowed)),
        ("requests_left", "Requests that may still go out this minute", _known(view, view.left)),
        ("qa_events_waiting", "Events for QA not tried yet", summary.qa_waiting),
        ("qa_events_failed", "Events for QA tried in vain so far", summary.qa_failed),
        (
            "qa_events_oldest_seconds",
            "Age of the oldest event not delivered",
            seconds_since(summary.oldest_qa_at, now=now),
        ),
        ("completion_registered", "1: the platform reports ends to this portal", float(is_registered)),
        (
            "completion_confirmed_seconds",
            "Since the registration was last seen",
            None if summary.registered_at is None else seconds_since(summary.registered_at, now=now),
        ),
        ("watcher_age_seconds", "Age of what the board shows", summary.feed.age_s),
        ("live_calls", "Calls that go on, as last seen", summary.live_calls),
    ]


def _known(view: GateView, value: float) -> float | None:
    return value if view.is_known else None
