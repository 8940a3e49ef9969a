"""All that is found out about one recording, and its renditions: what runs inside the child process."""

from pathlib import Path

from injections.audio.facts import Analysis
from injections.audio.limits import AudioLimits, Target
from injections.audio.loudness import LevelMeter, refuse_unusable
from injections.audio.probe import opened
from injections.audio.rendition import Resampler, write_renditions
from injections.audio.waveform import bars


def examine(
    path: Path, *, declared_name: str | None, folder: Path, limits: AudioLimits, target: Target
) -> Analysis:
    """Identify, measure and level a recording; write its renditions into `folder`.

    It is decoded once and never held whole; a second time only where its channels must not be averaged.

    Raises:
        AudioRefused: the recording must not be used.
        OSError: a file cannot be read or written.
    """
    with opened(path, declared_name=declared_name, limits=limits) as recording:
        meter = LevelMeter(sample_rate_hz=recording.sample_rate_hz, channels=recording.channels)
        resampler = Resampler(sample_rate_hz=recording.sample_rate_hz, channel=None)
        facts = recording.decode(meter.add, resampler.add)
    levels = meter.levels()
    refuse_unusable(levels, limits=limits)
    channel = meter.best_channel()
    if channel is not None:
        resampler = Resampler(sample_rate_hz=facts.sample_rate_hz, channel=channel)
        with opened(path, declared_name=None, limits=limits) as recording:
            recording.decode(resampler.add)
    return Analysis(
        facts=facts,
        levels=levels,
        peaks=bars(meter.peaks()),
        renditions=write_renditions(resampler.finish(), folder, target=target),
    )
