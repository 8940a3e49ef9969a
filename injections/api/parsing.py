"""Bodies of the HTTP API: JSON, read strictly, and never more than a command needs."""

import json
from collections.abc import Mapping
from typing import IO, Any, Final

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

LARGEST_BODY: Final = 64 * 1024  # bytes; the largest sensible command is under 3 kB

_MOST_DIGITS: Final = 1000  # Python reads no more than some thousands, and would say so in words of its own


class BodyTooLarge(APIException):
    """The body is longer than any command can be."""

    status_code = 413
    default_code = "bad_request"
    default_detail = f"The body is larger than {LARGEST_BODY} bytes. Name the recording by its address."


class StrictJSONParser(BaseParser):
    """UTF-8 JSON without what makes two readers disagree: repeated keys, NaN, Infinity."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the JSON value. Raises ParseError or BodyTooLarge, whose text is for the client."""
        body = stream.read(LARGEST_BODY + 1)
        if len(body) > LARGEST_BODY:
            raise BodyTooLarge
        try:
            return json.loads(
                body.decode("utf-8"),
                object_pairs_hook=_once_each,
                parse_int=_whole_number,
                parse_constant=_refuse_constant,
            )
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8. Encode it as UTF-8.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply. Send one flat command.") from None
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise ParseError(f"The body is not valid JSON from {where} on. Correct it there.") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ParseError(f"The key {key[:50]!a} stands twice. Send it once.")
        found[key] = value
    return found


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ParseError(f"A number has more than {_MOST_DIGITS} digits. No field takes such a one.")
    return int(digits)


def _refuse_constant(name: str) -> None:
    raise ParseError(f"{name} is not a JSON number. Send a number.")
