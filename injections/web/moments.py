"""Points in time as a page prints them: UTC from the server, which scripts show in the viewer's zone or count down."""

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from injections.web.words import spoken


def clock_time(at: datetime) -> SafeString:
    """Return the time of day of `at`."""
    return format_html('<time datetime="{}" data-clock>{} UTC</time>', at.isoformat(), f"{at:%H:%M:%S}")


def countdown(at: datetime, *, now: datetime) -> SafeString:
    """Return how long it is until `at`; a script goes on counting."""
    left_s = (at - now).total_seconds()
    words = f"in {spoken(left_s + 0.999)}" if left_s > 0 else "now"
    return format_html('<time datetime="{}" data-until>{}</time>', at.isoformat(), words)
