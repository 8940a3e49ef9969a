"""The log in the Django admin: to be read and searched by those who may, changed by nobody."""

import json
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit import canonical, provenance, selectors, services, verification
from audit.entry import Entry, Outcome, Subject
from audit.models import AuditRecord
from audit.uuid7 import first_uuid7

if TYPE_CHECKING:  # only the type checker can index Django's class
    _RecordAdmin = admin.ModelAdmin[AuditRecord]
else:
    _RecordAdmin = admin.ModelAdmin

# A word and a shape, so that no outcome is told by colour alone.
SHAPES = {"done": "●", "refused": "■", "failed": "▲", "unknown": "◆"}
_ABSENT = object()
_NOT_A_SEARCH = {"p", "all", "e", "_changelist_filters"}
_LONG_AGO = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
    "month": timedelta(days=30),
}


class RecordedFilter(admin.SimpleListFilter):
    """Bounds the time of recording; works on the identifier, which begins with it."""

    title = "recorded"
    parameter_name = "recorded"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the choices."""
        return [
            ("hour", "Past hour"),
            ("day", "Past 24 hours"),
            ("week", "Past 7 days"),
            ("month", "Past 30 days"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        """Return the records within the chosen time."""
        ago = _LONG_AGO.get(self.value() or "")
        if ago is None:
            return queryset
        return queryset.filter(id__gte=first_uuid7(at=timezone.now() - ago))


@admin.register(AuditRecord)
class AuditRecordAdmin(_RecordAdmin):
    """Read-only for everyone, superusers too. Looking and searching are recorded themselves."""

    list_display = ("time", "sentence", "act", "result", "who", "call", "reason")
    list_display_links = ("sentence",)
    list_filter = ("action", "outcome", RecordedFilter)
    list_per_page = 50
    list_max_show_all = 50
    show_full_result_count = False  # it would count the whole log for each search
    show_facets = admin.ShowFacets.NEVER  # counts of the whole log for each choice of each filter
    sortable_by = ()  # newest first; another order would sort the whole log
    actions = None
    search_fields = ("summary",)  # switches the search on; `get_search_results` says what it does
    search_help_text = (
        "Sentence, actor, action, reason code, request id;"
        " or a call, injection or recording by the first eight digits of its id or more."
    )

    class Media:
        css: ClassVar = {"all": ("audit/admin.css",)}

    @admin.display(description="Time (UTC)")
    def time(self, record: AuditRecord) -> SafeString:
        """Show when the act took place."""
        return _time(record.occurred_at, "seconds")

    @admin.display(description="What happened")
    def sentence(self, record: AuditRecord) -> str:
        """Show the readable sentence."""
        return record.summary

    @admin.display(description="Action")
    def act(self, record: AuditRecord) -> SafeString:
        """Show the action."""
        return _breakable(record.action)

    @admin.display(description="Outcome")
    def result(self, record: AuditRecord) -> SafeString:
        """Show the outcome as a word and a shape."""
        return outcome_badge(record.outcome)

    @admin.display(description="Who")
    def who(self, record: AuditRecord) -> str:
        """Show the actor by name."""
        return record.actor_name or record.actor_id or record.actor_kind

    @admin.display(description="Call")
    def call(self, record: AuditRecord) -> SafeString | str:
        """Link to all records of the same call."""
        if record.conversation_id is None:
            return "–"
        return format_html(
            '<a class="audit-id" href="?{}" title="All records of the call {}">{}…</a>',
            urlencode({"conversation_id__exact": record.conversation_id}),
            record.conversation_id,
            str(record.conversation_id)[:8],
        )

    @admin.display(description="Reason")
    def reason(self, record: AuditRecord) -> SafeString | str:
        """Show the reason code."""
        return _breakable(record.reason_code) or "–"

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody writes here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody changes a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody removes a record."""
        return False

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        """Search as `selectors.containing` describes."""
        term = search_term.strip()
        return (queryset.filter(selectors.containing(term)) if term else queryset), False

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Allow the links to one call, clip or injection, and the filters."""
        return lookup.removesuffix("__exact") in {
            "action",
            "outcome",
            "conversation_id",
            "clip_id",
            "injection_id",
            "actor_id",
            "reason_code",
            RecordedFilter.parameter_name,
        }

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and record what was searched for."""
        asked = {
            name: values for name, values in request.GET.lists() if name not in _NOT_A_SEARCH and any(values)
        }
        details = {"filters": canonical.clean_value(asked)}
        self._demand_view(request, "audit.searched", "the audit log", details=details)
        if asked:
            terms = ", ".join(f"{name} {' '.join(values)}" for name, values in asked.items())
            _record(request, "audit.searched", f"searched the audit log: {terms}", details=details)
        return super().changelist_view(request, {"title": "Audit log", **(extra_context or {})})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show one record, and record that it was looked at."""
        subject = Subject(other=f"audit record {canonical.clean_text(object_id, limit=60)}")
        self._demand_view(request, "audit.viewed", "a record of the audit log", subject=subject)
        record = self.get_object(request, object_id)
        if record is None or request.method != "GET":
            return super().change_view(request, object_id, form_url, extra_context)
        _record(request, "audit.viewed", f"opened the record: {record.summary.rstrip('.')}", subject=subject)
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **record_context(record)}
        )

    def _demand_view(self, request: HttpRequest, action: str, what: str, **rest: Any) -> None:
        """Refuse those who may not read the log, and record that they tried."""
        if self.has_view_permission(request):
            return
        _record(
            request,
            action,
            f"was refused {what}: may not read it",
            outcome="refused",
            reason_code="not_permitted",
            **rest,
        )
        raise PermissionDenied


def outcome_badge(outcome: str) -> SafeString:
    """Return an outcome as a word and a shape."""
    return format_html(
        '<span class="audit-outcome audit-outcome-{}"><span aria-hidden="true">{}</span> {}</span>',
        outcome,
        SHAPES.get(outcome, "?"),
        outcome,
    )


def _breakable(code: str) -> SafeString:
    """Return `code` with places where a narrow column may break it."""
    return format_html_join(SafeString("<wbr>"), "{}", ((part,) for part in re.findall(r"[^._]+[._]?", code)))


def record_context(record: AuditRecord) -> dict[str, Any]:
    """Return what the page of one record shows."""
    previous, following = selectors.neighbours(record)
    content = _content(record)
    return {
        "record": record,
        "title": record.summary,
        "outcome": outcome_badge(record.outcome),
        "questions": _six_questions(record, content),
        "details": _details(content),
        "changes": _changes(content.get("before"), content.get("after")),
        "body": json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) if content else record.body,
        "previous": previous,
        "following": following,
        "faults": [
            *verification.faults_of(record),
            *verification.faults_in_chain(record, previous=previous),
        ],
    }


def _content(record: AuditRecord) -> dict[str, Any]:
    """Return the body as an object; an empty one where a forged body is none."""
    try:
        content = canonical.decode(record.body)
    except canonical.NotCanonical:
        return {}
    return content if isinstance(content, dict) else {}


def _six_questions(
    record: AuditRecord, content: dict[str, Any]
) -> list[tuple[str, list[tuple[str, object]]]]:
    """Return each question with its answers, those without a value left out."""
    details = content.get("details")
    details = details if isinstance(details, dict) else {}
    answers: list[tuple[str, list[tuple[str, object]]]] = [
        (
            "Who",
            [
                ("Name", record.actor_name),
                ("Kind", record.actor_kind.replace("_", " ")),
                ("Role at the time", record.actor_role),
                ("Id", record.actor_id),
            ],
        ),
        (
            "What",
            [
                ("Action", record.action),
                ("Call", _records_of("conversation_id", record.conversation_id)),
                ("Participant", record.participant_id),
                ("Recording", _records_of("clip_id", record.clip_id)),
                ("Injection", _records_of("injection_id", record.injection_id)),
                ("Other", record.subject_other),
            ],
        ),
        (
            "When (UTC)",
            [
                ("Took place", _time(record.occurred_at, "microseconds")),
                ("Recorded", _time(record.recorded_at, "microseconds")),
            ],
        ),
        (
            "Where from",
            [
                ("Address", record.source_ip),
                ("Program", record.source_user_agent),
                ("Request", record.source_request_id),
                ("Path or command", record.source_where),
            ],
        ),
        ("What came of it", [("Outcome", outcome_badge(record.outcome))]),
        ("Why", [("Reason code", record.reason_code), ("Reason given", details.get("reason"))]),
    ]
    return [
        (question, [(label, value) for label, value in given if value not in (None, "")])
        for question, given in answers
    ]


def _time(at: datetime, precision: str) -> SafeString:
    """Return a time in UTC, as the database gives it."""
    shown = at.replace(tzinfo=None).isoformat(" ", timespec=precision)
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), shown)


def _records_of(field: str, identifier: UUID | None) -> SafeString | None:
    """Return a link to all records that name `identifier`."""
    if identifier is None:
        return None
    address = reverse("admin:audit_auditrecord_changelist")
    return format_html(
        '<a class="audit-id" href="{}?{}">{}</a>',
        address,
        urlencode({f"{field}__exact": identifier}),
        identifier,
    )


def _changes(before: object, after: object) -> list[dict[str, Any]]:
    """Return a line for each value on either side of a change."""
    old = before if isinstance(before, dict) else {}
    new = after if isinstance(after, dict) else {}
    is_change = isinstance(before, dict) and isinstance(
        after, dict
    )  # else something came, or went, as a whole
    return [
        {
            "name": name,
            "before": _shown(old, name),
            "after": _shown(new, name),
            "is_changed": is_change and old.get(name, _ABSENT) != new.get(name, _ABSENT),
        }
        for name in sorted({*old, *new})
    ]


def _details(content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return name and value of each detail but the reason, which stands above."""
    details = content.get("details")
    if not isinstance(details, dict):
        return []
    return [(name, _shown(details, name)) for name in sorted(details) if name != "reason"]


def _shown(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return "–"
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _record(
    request: HttpRequest, action: str, clause: str, *, outcome: Outcome = "done", **rest: Any
) -> None:
    """Record that the user of `request` did what `clause` says. If that fails, the page is not shown."""
    actor = provenance.actor_of(request)
    entry = Entry(
        action=action,
        outcome=outcome,
        actor=actor,
        source=provenance.source_of(request),
        summary=f"{actor.name} {clause}.",
        occurred_at=timezone.now(),
        **rest,
    )
    with transaction.atomic():
        services.append(entry)
