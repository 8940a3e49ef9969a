"""The record, its place in the log, and the refusal to change either.

Records come into being in `services.append` only, everything else here in `sealing`.
"""

from typing import ClassVar, NoReturn, TypeVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Length
from django.db.models.lookups import Exact, LessThanOrEqual

from audit.entry import ACTOR_KINDS, LIMITS, OUTCOMES

LONGEST_BODY = 65_536  # characters
HASH_LENGTH = 64  # SHA-256 in hexadecimal


class AppendOnly(TypeError):
    """The log was asked to change or drop a record, or to take one past `services.append`."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__("The audit log is append-only: records are written by audit.services.append alone.")


def _refuse(*args: object, **kwargs: object) -> NoReturn:
    raise AppendOnly


_Row_co = TypeVar("_Row_co", bound=models.Model, covariant=True)


class ReadOnlyQuerySet(models.QuerySet[_Row_co]):
    """Reads like any other, and writes nothing. Its asynchronous methods call these, and fail alike."""

    create = _refuse
    get_or_create = _refuse
    update_or_create = _refuse
    bulk_create = _refuse
    bulk_update = _refuse
    update = _refuse
    _update = _refuse
    delete = _refuse
    _raw_delete = _refuse


class RecordQuerySet(ReadOnlyQuerySet["AuditRecord"]):
    """Records."""


def _no_longer_than(field: str, limit: int) -> models.CheckConstraint:
    # SQLite does not hold the length of a column by itself.
    return models.CheckConstraint(
        condition=LessThanOrEqual(Length(F(field)), limit), name=f"audit_record_{field}_length"
    )


def _a_hash(field: str, *, name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(Exact(Length(F(field)), HASH_LENGTH)), name=name)


def _newest_first(field: str, *, condition: Q | None = None) -> models.Index:
    """Index for "the newest records with this `field`": identifiers sort by time."""
    return models.Index(F(field), F("id").desc(), name=f"audit_by_{field}", condition=condition)


class AuditRecord(models.Model):
    """One act or attempt, for ever.

    `body` holds the canonical text that `leaf_hash` was made of; all other columns are copies of what stands
    in it, so that it can be searched. There are no foreign keys: what a record names may be gone.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    recorded_at = models.DateTimeField(help_text="The database's clock.")
    occurred_at = models.DateTimeField(help_text="The clock of whoever acted.")
    action = models.CharField(max_length=LIMITS["action"])
    outcome = models.CharField(max_length=8, choices=[(word, word) for word in OUTCOMES])
    reason_code = models.CharField(max_length=LIMITS["reason_code"], blank=True)
    summary = models.CharField(max_length=LIMITS["summary"])
    actor_kind = models.CharField(max_length=16, choices=[(word, word) for word in ACTOR_KINDS])
    actor_id = models.CharField(max_length=LIMITS["actor_id"], blank=True)
    actor_name = models.CharField(max_length=LIMITS["actor_name"], blank=True)
    actor_role = models.CharField(max_length=LIMITS["actor_role"], blank=True)
    source_ip = models.CharField(max_length=LIMITS["source_ip"], blank=True)
    source_user_agent = models.CharField(max_length=LIMITS["source_user_agent"], blank=True)
    source_request_id = models.CharField(max_length=LIMITS["source_request_id"], blank=True)
    source_where = models.CharField(max_length=LIMITS["source_where"], blank=True)
    conversation_id = models.UUIDField(null=True)
    participant_id = models.UUIDField(null=True)
    clip_id = models.UUIDField(null=True)
    injection_id = models.UUIDField(null=True)
    subject_other = models.CharField(max_length=LIMITS["subject_other"], blank=True)
    number_in_conversation = models.PositiveIntegerField(null=True)
    previous_in_conversation = models.CharField(max_length=HASH_LENGTH, null=True)  # noqa: DJ001  null: first of its chain
    body = models.TextField()
    leaf_hash = models.CharField(max_length=HASH_LENGTH)

    objects = RecordQuerySet.as_manager()

    class Meta:
        # Django would otherwise read and write related rows through a queryset without these refusals.
        base_manager_name = "objects"
        default_permissions = ("view",)
        verbose_name = "audit record"
        ordering = ("-id",)
        constraints: ClassVar = [
            # A gap or a fork in a conversation's chain cannot be written.
            models.UniqueConstraint(
                fields=("conversation_id", "number_in_conversation"), name="audit_record_one_place_in_chain"
            ),
            # A comparison with NULL counts as passed in a CHECK: hence "is not null" beside each.
            models.CheckConstraint(
                condition=Q(conversation_id__isnull=True, number_in_conversation__isnull=True)
                | Q(
                    conversation_id__isnull=False,
                    number_in_conversation__isnull=False,
                    number_in_conversation__gte=1,
                ),
                name="audit_record_number_with_conversation",
            ),
            models.CheckConstraint(
                condition=Q(number_in_conversation__isnull=True, previous_in_conversation__isnull=True)
                | Q(
                    number_in_conversation__isnull=False,
                    number_in_conversation=1,
                    previous_in_conversation__isnull=True,
                )
                | Q(
                    number_in_conversation__isnull=False,
                    number_in_conversation__gt=1,
                    previous_in_conversation__isnull=False,
                ),
                name="audit_record_previous_with_number",
            ),
            models.CheckConstraint(condition=Q(outcome__in=OUTCOMES), name="audit_record_outcome_known"),
            models.CheckConstraint(
                condition=Q(actor_kind__in=ACTOR_KINDS), name="audit_record_actor_kind_known"
            ),
            models.CheckConstraint(condition=~Q(action=""), name="audit_record_action_given"),
            models.CheckConstraint(condition=~Q(summary=""), name="audit_record_summary_given"),
            _a_hash("leaf_hash", name="audit_record_leaf_hash_length"),
            models.CheckConstraint(
                condition=Q(previous_in_conversation__isnull=True)
                | Q(Exact(Length(F("previous_in_conversation")), HASH_LENGTH)),
                name="audit_record_previous_length",
            ),
            *(_no_longer_than(field, limit) for field, limit in LIMITS.items()),
            _no_longer_than("body", LONGEST_BODY),
        ]
        indexes: ClassVar = [
            _newest_first("action"),
            _newest_first("outcome"),
            _newest_first("actor_id"),
            _newest_first("reason_code"),
            _newest_first("conversation_id", condition=Q(conversation_id__isnull=False)),
            _newest_first("clip_id", condition=Q(clip_id__isnull=False)),
            _newest_first("injection_id", condition=Q(injection_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.summary

    def save(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse: see `services.append`."""
        raise AppendOnly

    def save_base(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse: `loaddata` comes this way."""
        raise AppendOnly

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse."""
        raise AppendOnly


class _Sealed(models.Model):
    """What the sealer alone writes, in SQL of its own; never changed afterwards."""

    class Meta:
        abstract = True

    def save(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse."""
        raise AppendOnly

    def save_base(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse: `loaddata` comes this way."""
        raise AppendOnly

    def delete(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse."""
        raise AppendOnly


class AuditPending(_Sealed):
    """Outbox: a record that has no place in the log yet. A trigger writes it, the sealer removes it."""

    record_id = models.UUIDField(primary_key=True)

    objects = ReadOnlyQuerySet["AuditPending"].as_manager()

    class Meta:
        base_manager_name = "objects"
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.record_id)


class AuditLeaf(_Sealed):
    """The place of a record in the log: contiguous from 0, given once."""

    index = models.BigIntegerField(primary_key=True)
    record_id = models.UUIDField(unique=True)
    leaf_hash = models.CharField(max_length=HASH_LENGTH)

    objects = ReadOnlyQuerySet["AuditLeaf"].as_manager()

    class Meta:
        base_manager_name = "objects"
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(index__gte=0), name="audit_leaf_index_from_0"),
            _a_hash("leaf_hash", name="audit_leaf_hash_length"),
        ]

    def __str__(self) -> str:
        return f"{self.index}"


class AuditNode(_Sealed):
    """The root of a full subtree of 256^level leaves, level 1 and up: with the leaves, the tiles of C2SP tlog-tiles."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.PositiveSmallIntegerField()
    index = models.BigIntegerField()
    node_hash = models.CharField(max_length=HASH_LENGTH)

    objects = ReadOnlyQuerySet["AuditNode"].as_manager()

    class Meta:
        base_manager_name = "objects"
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(level__gte=1, index__gte=0), name="audit_node_place"),
            _a_hash("node_hash", name="audit_node_hash_length"),
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.index}"


class AuditCheckpoint(_Sealed):
    """What was signed: `note` is the checkpoint as it was handed out, the columns are copies of what it says."""

    size = models.BigIntegerField(primary_key=True)
    root_hash = models.CharField(max_length=HASH_LENGTH)
    note = models.TextField()
    stored_at = models.DateTimeField(help_text="The sealer's clock.")

    objects = ReadOnlyQuerySet["AuditCheckpoint"].as_manager()

    class Meta:
        base_manager_name = "objects"
        default_permissions = ()
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(size__gte=1), name="audit_checkpoint_size_from_1"),
            _a_hash("root_hash", name="audit_checkpoint_root_length"),
        ]

    def __str__(self) -> str:
        return f"{self.size}"


class AuditVerification(models.Model):
    """A verification that somebody asked for on the integrity page. It is on record; this is how far it has come."""

    is_full = models.BooleanField()
    asked_by = models.CharField(max_length=LIMITS["actor_name"])
    asked_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True, help_text="The last sign of life of who works on it.")
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    ended_at = models.DateTimeField(null=True)
    is_whole = models.BooleanField(null=True, help_text="Nothing until it ended, and where it broke off.")
    result = models.TextField(blank=True)

    class Meta:
        default_permissions = ()
        ordering = ("-asked_at",)
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=("is_full",), condition=Q(ended_at=None), name="audit_verification_one_open"
            )
        ]

    def __str__(self) -> str:
        return f"{self.asked_at:%Y-%m-%d %H:%M:%S} {'full' if self.is_full else 'what is new'}"
