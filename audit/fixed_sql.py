"""Rows of a model by SQL that is put together once.

Django compiles each query anew, which takes longer than the database takes for it. That is for a page no matter; in a
click that waits for fifteen such rows it is (decision 0009). Nothing else belongs here: no joins, no conditions but
equality, no signals.
"""

from collections.abc import Callable, Mapping
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

from django.db import DatabaseError, connection
from django.db.models import AutoField, Field, Model

M = TypeVar("M", bound=Model)
_Converter = Callable[[Any, Any, Any], Any]


class FixedSql(Generic[M]):
    """Gets, inserts and updates the rows of `model` in the default database."""

    def __init__(self, model: type[M]) -> None:
        self._model = model

    def get(self, key: Any) -> M | None:
        """Return the row with this primary key, or None."""
        found = self.find(self._key.attname, key)
        return found[0] if found else None

    def find(self, name: str, value: Any, *, is_locked: bool = False) -> list[M]:
        """Return the rows whose column `name` equals `value`.

        With `is_locked` nobody else changes them until the transaction ends (on SQLite nobody changes anything then).
        """
        lock = " FOR UPDATE" if is_locked and connection.features.has_select_for_update else ""
        with connection.cursor() as cursor:
            cursor.execute(self._select(name) + lock, [self._prepared(name, value)])
            rows = cursor.fetchall()
        return [self._instance(row) for row in rows]

    def insert(self, instance: M) -> int:
        """Insert `instance` as it is; return the number of rows written. A numbered key is given to it."""
        with connection.cursor() as cursor:
            cursor.execute(*self.insertion(instance))
            written = cursor.rowcount
            if isinstance(self._key, AutoField):
                instance.pk, written = cursor.fetchone()[0], 1
        instance._state.adding = False
        instance._state.db = connection.alias
        return int(written)

    def insertion(self, instance: M) -> tuple[str, list[Any]]:
        """Return the statement that inserts `instance`, and its parameters."""
        fields = [field for field in self._fields if not isinstance(field, AutoField)]
        return self._insert, [
            self._prepared(field.attname, getattr(instance, field.attname)) for field in fields
        ]

    def save(self, instance: M) -> None:
        """Write all of `instance` to its row. Raises DatabaseError where there is none."""
        names = [field.attname for field in self._fields if field is not self._key]
        values = {name: getattr(instance, name) for name in names}
        if self.update(values, where={self._key.attname: instance.pk}) != 1:
            raise DatabaseError(f"{self._table} has no row {instance.pk}")

    def update(self, values: Mapping[str, Any], *, where: Mapping[str, Any]) -> int:
        """Set `values` in the rows whose columns equal `where` (never None); return how many there were."""
        given = [*values.items(), *where.items()]
        with connection.cursor() as cursor:
            cursor.execute(
                self._update(tuple(values), tuple(where)), [self._prepared(*pair) for pair in given]
            )
            return int(cursor.rowcount)

    @cached_property
    def _fields(self) -> "list[Field[Any, Any]]":
        return list(self._model._meta.concrete_fields)

    @cached_property
    def _by_name(self) -> "dict[str, Field[Any, Any]]":
        return {field.attname: field for field in self._fields}

    @cached_property
    def _key(self) -> "Field[Any, Any]":
        key = self._model._meta.pk
        assert key is not None  # noqa: S101  every model has one
        return key

    @cache  # noqa: B019  one for each model, for the life of the process
    def _select(self, name: str) -> str:
        names = ", ".join(_quoted(field) for field in self._fields)
        condition = f"{_quoted(self._by_name[name])} = %s"
        return f"SELECT {names} FROM {self._table} WHERE {condition}"  # noqa: S608  names from the model

    @cached_property
    def _insert(self) -> str:
        names = [_quoted(field) for field in self._fields if not isinstance(field, AutoField)]
        numbered = f" RETURNING {_quoted(self._key)}" if isinstance(self._key, AutoField) else ""
        places = ", ".join(["%s"] * len(names))
        return f"INSERT INTO {self._table} ({', '.join(names)}) VALUES ({places}){numbered}"  # noqa: S608  likewise

    @cache  # noqa: B019  likewise
    def _update(self, values: tuple[str, ...], where: tuple[str, ...]) -> str:
        changes = ", ".join(f"{_quoted(self._by_name[name])} = %s" for name in values)
        condition = " AND ".join(f"{_quoted(self._by_name[name])} = %s" for name in where)
        return f"UPDATE {self._table} SET {changes} WHERE {condition}"  # noqa: S608  likewise

    @cached_property
    def _table(self) -> str:
        return f'"{self._model._meta.db_table}"'

    def _instance(self, row: tuple[Any, ...]) -> M:
        values = [
            self._converted(value, field, converters)
            for value, field, converters in zip(row, self._fields, self._converters, strict=True)
        ]
        return self._model.from_db(connection.alias, list(self._by_name), values)

    def _prepared(self, name: str, value: Any) -> Any:
        return self._by_name[name].get_db_prep_save(value, connection)

    @cached_property
    def _converters(self) -> list[list[_Converter]]:
        columns = [field.get_col(self._model._meta.db_table) for field in self._fields]
        return [
            [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
            for column in columns
        ]

    @staticmethod
    def _converted(value: Any, field: "Field[Any, Any]", converters: list[_Converter]) -> Any:
        for convert in converters:
            value = convert(value, field, connection)
        return value


def _quoted(field: "Field[Any, Any]") -> str:
    return f'"{field.column}"'
