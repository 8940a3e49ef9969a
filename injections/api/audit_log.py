"""/api/v1/audit/: the log, for who verifies it with tools of his own (docs/audit.md has the formats)."""

import base64
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.http import Http404
from django.utils import timezone
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit import receipts, selectors, services
from audit.canonical import clean_value, format_time
from audit.entry import Entry, Subject
from audit.models import AuditCheckpoint, AuditRecord
from audit.places import places
from audit.searching import Search
from audit.stored_tree import DamagedTree, stored_tree
from injections.api.authentication import ApiTokenAuthentication
from injections.callers import Caller, caller_of
from injections.roles import Action
from injections.services.refusals import record_refusal

PAGE: Final = 100
_DIGITS: Final = 18


class Damaged(APIException):
    """The stored tree lacks what a proof is made of."""

    status_code = 500
    default_detail = (
        "The log is damaged: hashes that this proof is made of are missing. Run manage.py verify_audit."
    )


class LogView(APIView):
    """Who may read the log, by a token or logged in; each refusal is on record."""

    authentication_classes = (ApiTokenAuthentication, SessionAuthentication)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let only those pass who may read the log."""
        super().initial(request, *args, **kwargs)
        request._request.user = request.user
        self.by: Caller = caller_of(request._request)
        if self.by.may(Action.READ_LOG):
            return
        record_refusal(
            action="access.refused",
            code="not_permitted",
            summary=f"{self.by.label} asked the API for the audit log without the role for it.",
            by=self.by,
        )
        raise PermissionDenied("This token may not read the audit log; the role compliance may.")


class RecordsView(LogView):
    """Records, newest first."""

    def get(self, request: Request) -> Response:
        """Return up to 100 records that meet the conditions of the admin's search; `next` is the older page's."""
        form = Search(request._request.GET)
        unknown = sorted(set(form.data) - set(form.fields))
        if unknown:
            raise ValidationError({unknown[0]: f"Unknown. Known are: {', '.join(form.fields)}."})
        if not form.is_valid():
            raise ValidationError(
                {name: [str(fault) for fault in faults] for name, faults in form.errors.items()}
            )
        found = list(form.records()[: PAGE + 1])
        filters = clean_value(dict(request.query_params.lists()))
        asked = f" for {form.sentence()}" if form.sentence() else ""
        _record_reading("audit.searched", f"searched the audit log{asked}", {"filters": filters}, by=self.by)
        shown = found[:PAGE]
        indexes = selectors.indexes(shown)
        return Response(
            {
                "records": [selectors.shown(record, indexes.get(record.pk)) for record in shown],
                "next": form.address(before=shown[-1].pk) if len(found) > PAGE else None,
            }
        )


class RecordView(LogView):
    """One record."""

    def get(self, request: Request, record_id: UUID) -> Response:
        """Return the record with a receipt for it."""
        record = _record(record_id)
        subject = Subject(other=f"audit record {record_id}")
        _record_reading("audit.viewed", f"read the record {record_id}", {}, subject=subject, by=self.by)
        shown = selectors.shown(record, selectors.indexes([record]).get(record.pk))
        return Response(shown | {"receipt": receipts.receipt_for(record)})


class InclusionView(LogView):
    """The proof that a record is where a checkpoint says."""

    def get(self, request: Request, record_id: UUID) -> Response:
        """Return index and proof under the newest checkpoint, or under that of `size` records."""
        record = _record(record_id)
        checkpoint = _checkpoint(request, "size")
        index = selectors.indexes([record]).get(record.pk)
        if index is None:
            raise ValidationError({"recordId": "This record waits to be sealed. Ask again in a few seconds."})
        if index >= checkpoint.size:
            raise ValidationError(
                {
                    "size": f"Must be above {index}, the record's place, or left out once the newest is above it."
                }
            )
        try:
            proof = stored_tree().inclusion_proof(index, checkpoint.size)
        except DamagedTree as error:
            raise Damaged from error
        return Response(
            {
                "recordId": str(record.pk),
                "leafHash": record.leaf_hash,
                "index": index,
                "size": checkpoint.size,
                "proof": _in_base64(proof),
                "checkpoint": checkpoint.note,
            }
        )


class ConsistencyView(LogView):
    """The proof that a log only grew between two checkpoints."""

    def get(self, request: Request) -> Response:
        """Return the proof that the checkpoint of `to` records (default: the newest) begins with the first `from`."""
        old = _number(request, "from")
        if old is None:
            raise ValidationError({"from": "Must be the size of the checkpoint that you have."})
        checkpoint = _checkpoint(request, "to")
        if old > checkpoint.size:
            raise ValidationError(
                {"from": f"Must be at most {checkpoint.size}, the size of the later checkpoint."}
            )
        try:
            proof = stored_tree().consistency_proof(old, checkpoint.size)
        except DamagedTree as error:
            raise Damaged from error
        return Response(
            {"from": old, "to": checkpoint.size, "proof": _in_base64(proof), "checkpoint": checkpoint.note}
        )


class CheckpointsView(LogView):
    """What was signed."""

    def get(self, request: Request) -> Response:
        """Return up to 100 checkpoints of more than `after` records, in order."""
        after = _number(request, "after")
        rows = list(
            AuditCheckpoint.objects.filter(size__gt=0 if after is None else after).order_by("size")[
                : PAGE + 1
            ]
        )
        next_page = f"?after={rows[PAGE - 1].size}" if len(rows) > PAGE else None
        return Response({"checkpoints": [row.note for row in rows[:PAGE]], "next": next_page})


class CheckpointView(LogView):
    """The newest of them."""

    def get(self, request: Request) -> Response:
        """Return the newest checkpoint, or that of `size` records."""
        found = _checkpoint(request, "size")
        return Response({"checkpoint": found.note, "storedAt": format_time(found.stored_at)})


class KeysView(LogView):
    """The public halves."""

    def get(self, request: Request) -> Response:
        """Return the keys by which checkpoints and receipts are verified, as C2SP writes them."""
        here = places()
        return Response({"log": _lines(here.public_keys), "receipts": _lines(here.receipt_keys)})


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split() if path.exists() else []


def _record(record_id: UUID) -> AuditRecord:
    try:
        return AuditRecord.objects.get(pk=record_id)
    except AuditRecord.DoesNotExist:
        raise Http404 from None


def _checkpoint(request: Request, name: str) -> AuditCheckpoint:
    """Return the checkpoint of as many records as the parameter `name` says; without it the newest."""
    size = _number(request, name)
    stored = AuditCheckpoint.objects.order_by("-size")
    found = stored.first() if size is None else stored.filter(size=size).first()
    if found is not None:
        return found
    if size is None:
        raise ValidationError({name: "Nothing is signed yet. Ask again in a few seconds."})
    raise ValidationError({name: f"No checkpoint has {size} records. /api/v1/audit/checkpoints lists all."})


def _number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= _DIGITS):
        raise ValidationError({name: "Must be a number of records, in digits."})
    return int(given)


def _in_base64(hashes: list[bytes]) -> list[str]:
    return [base64.b64encode(each).decode("ascii") for each in hashes]


def _record_reading(
    action: str, clause: str, details: dict[str, Any], *, subject: Subject | None = None, by: Caller
) -> None:
    """Record who read what. If that fails, nothing is given out."""
    entry = Entry(
        action=action,
        outcome="done",
        actor=by.actor,
        source=by.source,
        subject=Subject() if subject is None else subject,
        summary=f"{by.label} {clause} by the API.",
        details=details,
        occurred_at=timezone.now(),
    )
    with transaction.atomic(durable=True):
        services.append(entry)
