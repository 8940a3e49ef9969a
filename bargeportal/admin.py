"""The administrator's tables: people with their roles, and who may see which queue. Each change is in the log."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import (
    ReadOnlyPasswordHashField,
    ReadOnlyPasswordHashWidget,
    UserChangeForm,
    UserCreationForm,
)
from django.contrib.auth.hashers import is_password_usable
from django.contrib.auth.models import Group, User
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from audit import services as audit
from audit.canonical import clean_text
from audit.entry import Entry, Subject
from bargeportal.own_acts import state_of_account
from injections.callers import caller_of
from injections.models import Queue
from injections.roles import Role


def called(row: models.Model) -> str:
    """Return what people call a row: a person by name and user name, a role without its underscore."""
    if isinstance(row, User):
        name = row.get_full_name()
        return clean_text(f"{name} ({row.username})" if name else row.username)
    return clean_text(row.name.replace("_", " ") if isinstance(row, Group) else str(row))


class Choices(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # any model
    """Rows to tick, each under the name that people know."""

    widget = forms.CheckboxSelectMultiple

    def label_from_instance(self, row: models.Model) -> str:
        """Return the name beside the box."""
        return called(row)


class InOurWords:
    """Mixed into a ModelAdmin: pages named as the portal names things, with one way to save."""

    rows_called: ClassVar[str]
    row_called: ClassVar[str]
    show_facets = admin.ShowFacets.NEVER

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Show the list under its own name."""
        context = {"title": self.rows_called, "subtitle": None, "row_called": self.row_called}
        return super().changelist_view(request, context | (extra_context or {}))  # type: ignore[misc]  # of the ModelAdmin

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row. Raises Http404: Django would lead to the index with a message that it never shows."""
        row = super().get_object(request, object_id, from_field)  # type: ignore[misc]  # of the ModelAdmin
        if row is None:
            raise Http404
        return row

    def render_change_form(  # noqa: PLR0917  Django calls it so
        self,
        request: HttpRequest,
        context: Any,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Any = None,
    ) -> Any:
        """Show one row under the name that people know."""
        context |= {
            "rows_called": self.rows_called,
            "subtitle": None,
            "show_save_and_add_another": False,
            "show_save_and_continue": False,
        }
        context["title"] = f"Add a {self.row_called}" if obj is None else called(obj)
        page = super().render_change_form(request, context, add, change, form_url, obj)  # type: ignore[misc]  # of the ModelAdmin
        if context.get("errors"):
            page.status_code = HTTPStatus.BAD_REQUEST
        return page

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Lead to the row: what became of it stands in the log, which other people read."""
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", object_id)  # type: ignore[attr-defined]  # of the ModelAdmin


class Recorded(InOurWords):
    """Mixed into a ModelAdmin: writes each change to the log, in the transaction of the change."""

    kind: ClassVar[str]  # how the log calls one row
    state_of: Callable[
        ..., dict[str, Any]
    ]  # what the log shows of a row, before and after: given by each table

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer boxes to tick: Django's own pair of lists has no name for a screen reader and needs a script."""
        kwargs |= {"form_class": Choices, "widget": Choices.widget}
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[misc]  # of the ModelAdmin

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Leave out the way to new people and roles from within a form of something else."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]  # of the ModelAdmin
        if db_field.many_to_many:
            field.widget.can_add_related = False
        return field

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the row, with its state as it is before the change."""
        row = super().get_object(request, object_id, from_field)
        row.state_before = self.state_of(row)
        return row

    def log_addition(self, request: HttpRequest, row: models.Model, message: Any) -> Any:
        """Record a new row."""
        self._record(request, row, "added", called(row))
        return super().log_addition(request, row, message)  # type: ignore[misc]  # of the ModelAdmin

    def log_change(self, request: HttpRequest, row: models.Model, message: Any) -> Any:
        """Record a changed row, and which fields: of a password nothing else tells that it was changed."""
        fields = [name for part in message for name in part.get("changed", {}).get("fields", [])]
        self._record(request, row, "changed", f"{called(row)}: {', '.join(fields).lower() or 'nothing'}")
        return super().log_change(request, row, message)  # type: ignore[misc]  # of the ModelAdmin

    def _record(self, request: HttpRequest, row: models.Model, verb: str, what: str) -> None:
        by = caller_of(request)
        audit.append(
            Entry(
                action=f"{self.kind}.{verb}",
                outcome="done",
                actor=by.actor,
                source=by.source,
                subject=Subject(other=f"{self.kind} {row.pk}"),
                summary=f"{by.actor.name} {verb} the {self.kind} {what}.",
                before=getattr(row, "state_before", None),
                after=self.state_of(row),
                occurred_at=timezone.now(),
            )
        )


@admin.register(Queue)
class QueueAdmin(Recorded, admin.ModelAdmin):  # type: ignore[type-arg]  # generic for the checker alone
    """Which supervisor sees which queue."""

    kind = "queue"
    rows_called = "Queues"
    row_called = "queue"
    list_display = ("name", "supervised_by", "id")
    fields = ("name", "id", "supervisors")

    def state_of(self, row: Any) -> dict[str, Any]:
        """Return name and supervisors."""
        supervisors = [called(user) for user in row.supervisors.order_by("username")]
        return {"name": clean_text(row.name), "supervisors": supervisors}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Queue]:
        """Return the queues with their supervisors: a list asks for all of them at once."""
        queues: QuerySet[Queue] = super().get_queryset(request)
        return queues.prefetch_related("supervisors")

    @admin.display(description="Supervisors")
    def supervised_by(self, row: Queue) -> str:
        """Return who sees the calls of the queue."""
        return ", ".join(sorted(called(user) for user in row.supervisors.all())) or "none"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Keep the id of a queue that is there: it is the platform's."""
        return () if obj is None else ("id",)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer those who are supervisors; a machine or an approver would see no call of the queue anyway."""
        kwargs["queryset"] = User.objects.filter(groups__name=Role.SUPERVISOR).order_by(
            "first_name", "last_name", "username"
        )
        return super().formfield_for_manytomany(db_field, request, **kwargs)


class KeptPassword(ReadOnlyPasswordHashWidget):
    """Whether there is a password. Django shows the beginning of salt and hash, which is nobody's business."""

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Return what is shown: one sentence and the way to another password."""
        is_set = bool(value) and is_password_usable(value)
        return super().get_context(name, value, attrs) | {
            "summary": [{"label": "Is set." if is_set else "None is set: this person cannot log in."}],
            "button_label": "Set another password" if is_set else "Set a password",
        }


_LETTERS = "Letters, digits and @ . + - _ only; 150 at most."


class NewPersonForm(UserCreationForm):  # type: ignore[type-arg]  # generic for the checker alone
    """A new person, who logs in with a password."""

    class Meta(UserCreationForm.Meta):
        labels: ClassVar = {"username": "User name"}
        help_texts: ClassVar = {"username": _LETTERS}


class PersonForm(UserChangeForm):  # type: ignore[type-arg]  # generic for the checker alone
    """A person, in the words of the portal."""

    password = ReadOnlyPasswordHashField(label="Password", widget=KeptPassword)

    class Meta(UserChangeForm.Meta):
        labels: ClassVar = {"username": "User name", "is_active": "May log in", "groups": "Roles"}
        help_texts: ClassVar = {
            "username": _LETTERS,
            "is_active": "Switch this off for whoever leaves: nobody is ever deleted, for the log names them.",
            "groups": "What a person may do comes from the roles alone.",
        }


class RoleFilter(admin.RelatedFieldListFilter):
    """People by role, under the names that people know."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "role"

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return each role with its name in words."""
        return [(str(role.pk), called(role)) for role in Group.objects.order_by("name")]


class PersonAdmin(Recorded, UserAdmin):  # type: ignore[type-arg]  # generic for the checker alone
    """People and their roles. Rights come from roles alone: no superusers, no rights of a single person."""

    kind = "user"
    rows_called = "People"
    row_called = "person"
    form = PersonForm
    add_form = NewPersonForm
    add_fieldsets = ((None, {"fields": ("username", "password1", "password2")}),)
    empty_value_display = "no role"
    list_display = ("person", "roles", "may_log_in")
    list_filter = (("groups", RoleFilter),)
    filter_horizontal = ()
    fieldsets: ClassVar = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name")}),
        ("Roles", {"fields": ("is_active", "groups")}),
    )

    def state_of(self, row: Any) -> dict[str, Any]:
        """Return the account as the commands record it."""
        return state_of_account(row)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Return the people with their roles: a list asks for all of them at once."""
        people: QuerySet[User] = super().get_queryset(request)
        return people.prefetch_related("groups")

    @admin.display(ordering="first_name")
    def person(self, row: User) -> str:
        """Return the name that people know, and the one to log in with."""
        return called(row)

    @admin.display
    def roles(self, row: User) -> str:
        """Return the roles in words."""
        return ", ".join(sorted(called(group) for group in row.groups.all())) or "none"

    @admin.display(ordering="is_active")
    def may_log_in(self, row: User) -> str:
        """Return whether the account is switched on."""
        return "yes" if row.is_active else "no"

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Change a password and record that, both or neither."""
        with transaction.atomic():
            page = super().user_change_password(request, id, form_url)
        if request.method == "POST" and page.status_code == HTTPStatus.OK:  # what was sent was not taken
            page.status_code = HTTPStatus.BAD_REQUEST
        return page


class RoleAdmin(InOurWords, GroupAdmin):
    """Roles are looked at; what each may do is decided in the program."""

    rows_called = "Roles"
    row_called = "role"
    list_display = ("role",)
    fields = ("role",)
    readonly_fields = ("role",)

    @admin.display(ordering="name")
    def role(self, row: Group) -> str:
        """Return the role in words."""
        return called(row)


admin.site.unregister([User, Group])
admin.site.register(User, PersonAdmin)
admin.site.register(Group, RoleAdmin)
