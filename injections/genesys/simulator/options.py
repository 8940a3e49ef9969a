"""What can be set when the simulator starts; the module and the Django command offer the same."""

import argparse
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of one simulator process; `rate_limit` 0 means none, `seed` None means chance."""

    client_id: str
    client_secret: str
    host: str = "127.0.0.1"
    port: int = 0
    calls: int = 40
    churn: float = 1.0
    speed: float = 1.0
    seed: int | None = None
    quiet_centre: bool = False
    rate_limit: int = 300
    token_lifetime: int = 86_399
    heartbeat: float = 30.0
    latency_ms: float = 0.0
    exit_with_stdin: bool = False


def add_arguments(parser: argparse.ArgumentParser, *, environment: Mapping[str, str] = os.environ) -> None:
    """Declare the command line."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on")
    add("--port", type=_count, default=0, help="port to listen on; 0 takes a free one")
    add("--calls", type=_count, default=40, help="calls that go on at a time")
    add("--churn", type=_amount, default=1.0, help="changes a second, beside arrivals and ends")
    add("--speed", type=_more_than_nothing, default=1.0, help="how many times faster than in life")
    add("--seed", type=int, default=None, help="make the centre the same each time")
    add("--quiet-centre", action="store_true", help="calls stay as they are")
    add("--client-id", default=environment.get("GENESYS_CLIENT_ID", "simulator"), help="OAuth client")
    add("--client-secret", default=environment.get("GENESYS_CLIENT_SECRET", "simulator"), help="its secret")
    add("--rate-limit", type=_count, default=300, help="requests a minute for each token; 0 for no limit")
    add("--token-lifetime", type=_count, default=86_399, help="seconds that a token lives")
    add(
        "--heartbeat",
        type=_more_than_nothing,
        default=30.0,
        help="seconds between heartbeats of a notification socket",
    )
    add("--latency-ms", type=_amount, default=0.0, help="how long every answer takes at least")
    add("--exit-with-stdin", action="store_true", help="stop when standard input is closed")


def options_from(arguments: Mapping[str, object]) -> Options:
    """Take the simulator's settings out of parsed arguments."""
    names = Options.__dataclass_fields__
    return Options(**{name: arguments[name] for name in names})  # type: ignore[arg-type]  # argparse checked them


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _amount(text: str) -> float:
    if not 0 <= (amount := float(text)) < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0")
    return amount


def _more_than_nothing(text: str) -> float:
    if (amount := _amount(text)) == 0:
        raise argparse.ArgumentTypeError("0 would be no time at all")
    return amount
