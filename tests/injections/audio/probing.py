"""Identify a recording within the test's own process, without levels and renditions."""

from pathlib import Path

from injections.audio.facts import AudioFacts
from injections.audio.limits import DEFAULT_LIMITS, AudioLimits
from injections.audio.probe import opened


def probe(
    path: Path, *, declared_name: str | None = None, limits: AudioLimits = DEFAULT_LIMITS
) -> AudioFacts:
    """Walk its container and decode every sample of it. Raises AudioRefused."""
    with opened(path, declared_name=declared_name, limits=limits) as recording:
        return recording.decode()
