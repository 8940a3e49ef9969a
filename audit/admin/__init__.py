"""The log in the admin: to be read and searched by those who may, changed by nobody."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from audit import canonical, provenance, selectors, services, verifier
from audit.admin.exporting import KINDS, exported
from audit.admin.integrity import integrity_context
from audit.admin.record_page import record_context
from audit.admin.words import outcome_tag, time_in_utc
from audit.entry import Entry, Outcome, Subject
from audit.evidence.export import ACTION
from audit.evidence.pack import NotMade
from audit.models import AuditRecord
from audit.searching import PAGE, Search, asked_in

if TYPE_CHECKING:  # only the type checker can index Django's class
    _RecordAdmin = admin.ModelAdmin[AuditRecord]
else:
    _RecordAdmin = admin.ModelAdmin
_PAGES = "admin/audit/auditrecord"
_READ = frozenset({"GET", "HEAD"})


@admin.register(AuditRecord)
class AuditRecordAdmin(_RecordAdmin):
    """Read-only for everyone, superusers too. Looking and searching are recorded themselves.

    The pages are the log's own: Django's list counts the whole log for its pages, and leads whoever asks for
    something that is not there to "perhaps it was deleted".
    """

    actions = None

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody writes here."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody changes a record."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Nobody removes a record."""
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, and record what was searched for."""
        asked = asked_in(request.GET)
        details = {"filters": canonical.clean_value(asked)}
        self._demand_view(request, "audit.searched", "the audit log", details=details)
        form = Search(request.GET)
        # The search is over before it is recorded: it would else find itself.
        context = _list_context(form, is_search=bool(asked))
        if asked and form.is_valid():
            _record(request, "audit.searched", f"searched the audit log: {form.sentence()}", details=details)
        elif asked:
            _record(
                request,
                "audit.searched",
                "asked the audit log for what it cannot search",
                outcome="failed",
                reason_code="bad_request",
                details=details,
            )
        return TemplateResponse(request, f"{_PAGES}/change_list.html", context)

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
        if record is None:
            return TemplateResponse(request, f"{_PAGES}/not_found.html", {"asked": object_id}, status=404)
        _record(
            request,
            "audit.viewed",
            f"opened the record: {Truncator(record.summary.rstrip('.')).chars(120)}",
            subject=subject,
        )
        return TemplateResponse(request, f"{_PAGES}/change_form.html", record_context(record))

    def get_urls(self) -> list[URLPattern]:
        """Add the files of a search to the pages."""
        guarded = self.admin_site.admin_view
        return [
            path("export/<str:kind>/", guarded(self.export_view), name="audit_auditrecord_export"),
            path("integrity/", guarded(self.integrity_view), name="audit_auditrecord_integrity"),
            *super().get_urls(),
        ]

    def integrity_view(self, request: HttpRequest) -> HttpResponse:
        """Show how far the log can be proved; a form asks for a verification."""
        self._demand_view(request, "audit.viewed", "the integrity page", methods=_READ | {"POST"})
        if request.method == "POST":
            is_full = request.POST.get("what") == "all"
            verifier.ask(
                is_full=is_full, by=provenance.actor_of(request), source=provenance.source_of(request)
            )
            return redirect("admin:audit_auditrecord_integrity")
        return TemplateResponse(request, f"{_PAGES}/integrity.html", integrity_context())

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Give out what a search finds as a file, and record who has it."""
        self._demand_view(request, ACTION, "a file of the audit log", methods=frozenset({"GET"}))
        if kind not in KINDS:
            raise Http404
        form = Search(request.GET)
        if not form.is_valid():
            context = _list_context(form, is_search=True)
            return TemplateResponse(request, f"{_PAGES}/change_list.html", context, status=400)
        actor = provenance.actor_of(request)

        def record(*, summary: str, **rest: Any) -> None:
            _append(request, ACTION, f"{actor.name}: {summary}", **rest)

        try:
            return exported(form, kind, record=record)
        except NotMade as error:
            context = _list_context(form, is_search=True) | {"not_made": str(error)}
            return TemplateResponse(request, f"{_PAGES}/change_list.html", context, status=409)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the record: it has no history, since it never changes."""
        return redirect("admin:audit_auditrecord_change", object_id)

    def _demand_view(
        self,
        request: HttpRequest,
        action: str,
        what: str,
        *,
        methods: frozenset[str] = _READ,
        **rest: Any,
    ) -> None:
        """Refuse those who may not read the log and record that they tried; refuse whoever would write."""
        if not self.has_view_permission(request):
            _record(
                request,
                action,
                f"was refused {what}: may not read it",
                outcome="refused",
                reason_code="not_permitted",
                **rest,
            )
            raise services.RefusedOnRecord
        if request.method not in methods:
            raise PermissionDenied


def _list_context(form: Search, *, is_search: bool) -> dict[str, Any]:
    """Return what the page of the list shows: nothing for a search that cannot be understood."""
    context: dict[str, Any] = {"form": form, "is_search": is_search, "actions": selectors.actions()}
    if not form.is_valid():
        return context
    found = form.records()
    records = list(found[: PAGE + 1])
    is_first = form.cleaned_data["before"] is None
    return context | {
        "rows": [_row(record) for record in records[:PAGE]],
        "count": selectors.count_of(found) if is_first else None,
        "most_counted": selectors.MOST_COUNTED,
        "is_first": is_first,
        "newest": form.address(),
        "older": form.address(before=records[PAGE - 1].pk) if len(records) > PAGE else "",
        "limits": form.limits(records),
        "query": form.query(),
    }


def _row(record: AuditRecord) -> dict[str, AuditRecord | SafeString]:
    return {
        "record": record,
        "time": time_in_utc(record.occurred_at, "seconds"),
        "outcome": outcome_tag(record.outcome),
    }


def _record(
    request: HttpRequest, action: str, clause: str, *, outcome: Outcome = "done", **rest: Any
) -> None:
    """Record that the user of `request` did what `clause` says. If that fails, the page is not shown."""
    name = provenance.actor_of(request).name
    _append(request, action, f"{name} {clause}.", outcome=outcome, **rest)


def _append(request: HttpRequest, action: str, summary: str, *, outcome: Outcome, **rest: Any) -> None:
    entry = Entry(
        action=action,
        outcome=outcome,
        actor=provenance.actor_of(request),
        source=provenance.source_of(request),
        summary=summary,
        occurred_at=timezone.now(),
        **rest,
    )
    with transaction.atomic():
        services.append(entry)
