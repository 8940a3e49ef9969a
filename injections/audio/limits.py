"""What one recording, and the child process that examines it, may cost at most."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioLimits:
    """Limits on the file, on what it unpacks to, and on the process that unpacks it.

    `containers` are those that are taken; the others are recognised and refused.
    """

    containers: tuple[str, ...] = ("wav", "mp3", "ogg", "flac")
    max_bytes: int = 25_000_000
    max_duration_ms: int = 600_000
    min_duration_ms: int = 100
    # Ten minutes of stereo at 96 kHz: more is no notice but an attempt to fill memory or time.
    max_samples: int = 120_000_000
    # A file that claims this many times the longest master is called a bomb, not merely too long.
    bomb_factor: int = 10
    min_rate_hz: int = 8_000
    max_rate_hz: int = 192_000
    max_channels: int = 8
    max_clipping_share: float = 0.05
    silence_dbfs: float = -60.0

    wall_seconds: float = 30.0
    cpu_seconds: int = 20
    address_space_bytes: int = 1_000_000_000
    written_bytes: int = 80_000_000
    open_files: int = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The level that recordings are brought to: RFC 7874, section 4, which follows ITU-T G.169 and G.115."""

    active_speech_rms: float = 2600.0
    true_peak_dbfs: float = -3.0
    fade_ms: int = 5
    lead_silence_ms: int = 0


DEFAULT_LIMITS = AudioLimits()
DEFAULT_TARGET = Target()
