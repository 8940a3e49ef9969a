"""What a search found, as a file: for a spreadsheet (CSV), a program (JSON Lines), a regulator (evidence pack)."""

import csv
import json
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet
from django.http import FileResponse, HttpResponseBase, StreamingHttpResponse
from django.utils import timezone

from audit import selectors
from audit.canonical import clean_text, format_time
from audit.evidence.export import Recorder, export
from audit.models import AuditRecord
from audit.searching import Search

PAGE: Final = 500  # records in memory at once
_COLUMNS: Final = (
    "id", "recorded_at", "occurred_at", "action", "outcome", "reason_code", "summary", "actor_kind", "actor_id",
    "actor_name", "actor_role", "source_ip", "source_user_agent", "source_request_id", "source_where",
    "conversation_id", "participant_id", "clip_id", "injection_id", "subject_other", "number_in_conversation",
    "leaf_hash", "body",
)  # fmt: skip
KINDS: Final = ("pack", "csv", "jsonl")
# A spreadsheet takes a cell that begins so for a formula, and names come from outside.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def exported(form: Search, kind: str, *, record: Recorder) -> HttpResponseBase:
    """Return the file of what a valid search finds, after it is on record who has it.

    `kind` is one of KINDS.

    Raises:
        audit.evidence.pack.NotMade: there is no evidence pack; the sentence says why.
    """
    if kind == "pack":
        return _pack(form, record=record)
    content_type, write = _KINDS[kind]
    found = form.records()
    newest = found.values_list("pk", flat=True).first()
    # What is recorded from now on, this export for one, is not in it: the count is that of the file.
    found = found.none() if newest is None else found.filter(pk__lte=newest)
    count = found.count()
    record(
        outcome="done",
        reason_code="",
        summary=f"{count} records of the audit log were exported as {kind.upper()}: {form.sentence() or 'all'}.",
        details={"asked": clean_text(form.sentence()), "records": count, "newest": str(newest or "")},
    )
    answer = StreamingHttpResponse(write(found), content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{_name()}.{kind}"'
    return answer


def _pack(form: Search, *, record: Recorder) -> HttpResponseBase:
    file = tempfile.TemporaryFile()  # noqa: SIM115  the answer closes it
    try:
        export(form.conditions(), into=file, since=None, record=record, now=timezone.now())
    except BaseException:
        file.close()
        raise
    return FileResponse(file, as_attachment=True, filename=f"{_name()}.zip", content_type="application/zip")


def _name() -> str:
    return f"audit-log-{timezone.now():%Y-%m-%dT%H-%M-%SZ}"


def _csv(found: QuerySet[AuditRecord]) -> Iterator[str]:
    writer = csv.writer(_Lines())
    yield writer.writerow(("index", *_COLUMNS))
    for record, index in _pages(found):
        yield writer.writerow(
            [index, *(_cell(getattr(record, name)) for name in _COLUMNS)],
        )


class _Lines:
    """What csv writes to: it hands each line back."""

    def write(self, line: str) -> str:
        return line


def _cell(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return format_time(value) if hasattr(value, "utcoffset") else value


def _jsonl(found: QuerySet[AuditRecord]) -> Iterator[str]:
    for record, index in _pages(found):
        yield f"{json.dumps(selectors.shown(record, index), ensure_ascii=False)}\n"


def _pages(found: QuerySet[AuditRecord]) -> Iterator[tuple[AuditRecord, int | None]]:
    """Give each record with its place in the log, None while it waits; page by page, so that memory stays flat."""
    before: UUID | None = None
    while page := list((found if before is None else found.filter(pk__lt=before))[:PAGE]):
        indexes = selectors.indexes(page)
        yield from ((record, indexes.get(record.pk)) for record in page)
        before = page[-1].pk


_KINDS: Final[dict[str, tuple[str, Callable[[QuerySet[AuditRecord]], Iterator[str]]]]] = {
    "csv": ("text/csv; charset=utf-8", _csv),
    "jsonl": ("application/x-ndjson", _jsonl),
}
