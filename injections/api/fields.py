"""Serializer fields that take exactly their JSON type: DRF's own also take "1" for a number and false for a UUID."""

import re
from typing import Any, ClassVar, Final
from uuid import UUID

from rest_framework import serializers

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class StrictUUID(serializers.Field[UUID, Any, str, Any]):
    """A UUID in its usual form of 36 characters."""

    default_error_messages: ClassVar = {
        "invalid": "Must be a UUID, like 3f1c7a52-6d0e-4b8b-9a41-0c5d2e7f9b10."
    }

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or _UUID.fullmatch(data) is None:
            self.fail("invalid")
        return UUID(data)


class StrictText(serializers.Field[str, Any, str, Any]):
    """A JSON string within a length; nothing is trimmed or converted."""

    default_error_messages: ClassVar = {
        "invalid": "Must be a text.",
        "length": "Must have 1 to {most} characters.",
    }

    def __init__(self, *, most: int, **kwargs: Any) -> None:
        self._most = most
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not 1 <= len(data) <= self._most:
            self.fail("length", most=self._most)
        return data


class StrictId(StrictText):
    """An identifier that somebody else made: visible ASCII, which every database and record can hold."""

    default_error_messages: ClassVar = {"characters": "Must hold visible ASCII characters only."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if _VISIBLE.fullmatch(text) is None:
            self.fail("characters")
        return text


class StrictBoolean(serializers.Field[bool, Any, bool, Any]):
    """true or false."""

    default_error_messages: ClassVar = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


class StrictInteger(serializers.Field[int, Any, int, Any]):
    """A whole number within limits; neither 1.0 nor "1" nor true."""

    default_error_messages: ClassVar = {
        "invalid": "Must be a whole number of {unit}.",
        "range": "Must be {least} to {most} {unit}.",
    }

    def __init__(self, *, least: int, most: int, unit: str, **kwargs: Any) -> None:
        self._least, self._most = least, most
        self._limits = {"least": least, "most": most, "unit": unit}
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid", **self._limits)
        if not self._least <= data <= self._most:
            self.fail("range", **self._limits)
        return data


class StrictSerializer(serializers.Serializer[Any]):
    """Names every field that it does not know: a misspelt one would otherwise be silently without effect."""

    default_error_messages: ClassVar = {"invalid": "Must be a JSON object with named fields."}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {
                        ascii(name)[1:-1][:50]: "Unknown field. Remove it, or correct its name."
                        for name in unknown[:5]
                    }
                )
        return super().to_internal_value(data)
