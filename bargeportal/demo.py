"""What a fresh portal needs to be tried: five people with their roles, the simulator's queues, spoken recordings.

Everything here may run again at any time: what is there already stays as it is.
"""

import hashlib
import json
import secrets
from pathlib import Path
from typing import Final, TypedDict
from uuid import UUID

from django.apps import apps
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from audit.entry import Actor, Source
from bargeportal.env import Environment
from bargeportal.own_acts import record_act, record_new_password, state_of_account
from bargeportal.rights import seed_roles
from injections.callers import Caller, roles_of, system_caller
from injections.models import AudioClip, Queue
from injections.models.audio_clip import ClipStatus
from injections.roles import Role

# Username, first name, last name, role.
PEOPLE: Final = (
    ("supervisor", "Sofia", "Marin", Role.SUPERVISOR),
    ("compliance", "Conrad", "Osei", Role.COMPLIANCE),
    ("audioadmin", "Aiko", "Lindqvist", Role.AUDIO_ADMIN),
    ("approver", "Amara", "Novak", Role.CLIP_APPROVER),
    ("admin", "Adrian", "Kowalski", Role.ADMINISTRATOR),
)
# The queues of the simulator, and whether the demo's supervisor has them.
QUEUES: Final = (
    (UUID("5e9d2c00-cccc-4d4d-8e8e-0000000000c3"), "Cards", True),
    (UUID("5e9d2c00-cccc-4d4d-8e8e-0000000000c4"), "Mortgages", True),
    (UUID("5e9d2c00-cccc-4d4d-8e8e-0000000000c5"), "Collections", True),
    (UUID("5e9d2c00-cccc-4d4d-8e8e-0000000000c6"), "Fraud desk", False),
)
_RECORDINGS: Final = Path(apps.get_app_config("injections").path) / "demo"


class Recording(TypedDict):
    """One entry of `recordings.json`."""

    file: str
    title: str
    language: str
    transcript: str


def seed_people(*, password: str, by: Caller) -> None:
    """Make the demo's people; all of them log in with `password` afterwards. Each change is on record."""
    there = {user.username: user for user in User.objects.filter(username__in=[name for name, *_ in PEOPLE])}
    # Hashing is made to be slow. They share the password, so they may share its hash.
    kept = [h for h in {user.password for user in there.values()} if check_password(password, h)]
    hashed = kept[0] if kept else make_password(password)
    for username, first, last, role in PEOPLE:
        user = there.get(username)
        if user is None:
            _add(User(username=username, first_name=first, last_name=last, password=hashed), role, by=by)
        elif user.password not in kept:
            user.password = hashed
            user.save(update_fields=["password"])
            record_new_password(user, by=by)


def _add(user: User, role: Role, *, by: Caller) -> None:
    user.save()
    user.groups.set([Group.objects.get(name=role.value)])
    record_act(
        "user.added",
        user,
        summary=f"{by.label} added the user {user.username} for the demo.",
        after=state_of_account(user),
        by=by,
    )


def seed_queues(*, by: Caller) -> None:
    """Make the simulator's queues and give the demo's supervisor hers."""
    supervisor = User.objects.get(username="supervisor")
    for queue_id, name, is_hers in QUEUES:
        queue, is_new = Queue.objects.get_or_create(pk=queue_id, defaults={"name": name})
        if not is_new:
            continue
        if is_hers:
            queue.supervisors.add(supervisor)
        record_act(
            "queue.added",
            queue,
            summary=f"{by.label} added the queue {name} for the demo.",
            after={"name": name, "supervisors": [supervisor.username] if is_hers else []},
            by=by,
        )


def seed_recordings(*, where: str) -> None:
    """Upload the demo recordings that are not there yet, and approve them, as people would.

    One whose approval was not reached, because an earlier run broke off, is approved now.
    """
    from injections.services.clips import approve_clip, upload_clip

    for recording in _recordings():
        content = (_RECORDINGS / recording["file"]).read_bytes()
        clip = AudioClip.objects.filter(sha256=hashlib.sha256(content).hexdigest()).first()
        if clip is None:
            clip = upload_clip(
                file=SimpleUploadedFile(recording["file"], content),
                title=recording["title"],
                transcript=recording["transcript"],
                language=recording["language"],
                by=caller_named("audioadmin", where=where),
            )
        if clip.status == ClipStatus.DRAFT and clip.uploaded_by.username == "audioadmin":
            approve_clip(clip_id=clip.pk, by=caller_named("approver", where=where))


def seed(*, where: str) -> str:
    """Make everything that the demo needs and that is not there yet; return a line that says how to log in."""
    password = Environment().text("DEMO_PASSWORD") or secrets.token_urlsafe(9)
    by = system_caller(where=where)
    with transaction.atomic():
        seed_roles()
        seed_people(password=password, by=by)
        seed_queues(by=by)
    seed_recordings(where=where)
    names = ", ".join(username for username, *_ in PEOPLE)
    return f"Log in as one of {names}; the password of each is {password}"


def caller_named(username: str, *, where: str) -> Caller:
    """Return the user of this name, in whose name the command `where` acts.

    The log says who did act: the portal. Nobody looked at these recordings and approved them.
    """
    user = User.objects.get(username=username)
    actor = Actor(kind="system", name=f"Barge Portal (for {user.get_full_name()})")
    return Caller(user=user, roles=roles_of(user), actor=actor, source=Source(where=where))


def _recordings() -> list[Recording]:
    listed: list[Recording] = json.loads((_RECORDINGS / "recordings.json").read_text(encoding="utf-8"))
    return listed
