"""Bodies of the HTTP API: JSON, read strictly, and never more than a command needs."""

import json
from collections.abc import Mapping
from typing import IO, Any, Final

from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import BaseParser

LARGEST_BODY: Final = 64 * 1024  # bytes; the largest sensible command is under 3 kB


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
                body.decode("utf-8"), object_pairs_hook=_once_each, parse_constant=_refuse_constant
            )
        except UnicodeDecodeError:
            raise ParseError("The body is not UTF-8. Encode it as UTF-8.") from None
        except RecursionError:
            raise ParseError("The body is nested too deeply. Send one flat command.") from None
        except ValueError as error:
            raise ParseError(f"The body is not valid JSON: {error}. Correct it there.") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key[:50]!r} stands twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
