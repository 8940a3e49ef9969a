import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from knox.auth import TokenAuthentication
from knox.models import AuthToken

from audit.models import AuditRecord
from bargeportal import demo
from injections.callers import roles_of
from injections.models import AudioClip, Queue
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from tests.factories import AudioClipFactory, InjectionFactory, LiveCallFactory

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> list[str]:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue().splitlines()


def test_a_client_can_authenticate_with_its_token() -> None:
    token = run("create_api_client", "dialler")[-1]
    user, _ = TokenAuthentication().authenticate_credentials(token.encode())
    assert roles_of(user) == {Role.API_CLIENT}


def test_a_client_cannot_log_in_with_a_password() -> None:
    run("create_api_client", "dialler")
    assert not User.objects.get(username="dialler").has_usable_password()


def test_a_token_is_recorded_without_the_token() -> None:
    token = run("create_api_client", "dialler")[-1]
    record = AuditRecord.objects.get(action="api_client.token_issued")
    assert "dialler" in record.summary
    assert token not in record.body


def test_a_further_token_leaves_the_first_valid() -> None:
    run("create_api_client", "dialler")
    run("create_api_client", "dialler")
    assert AuthToken.objects.filter(user__username="dialler").count() == 2


def test_a_further_token_is_told_and_recorded_as_such() -> None:
    first = run("create_api_client", "dialler")
    further = run("create_api_client", "dialler")
    assert "further" not in " ".join(first)
    assert "dialler was there already. This is a further token: 2 hold now." in further[0]
    assert len(further[-1]) == 64
    summaries = AuditRecord.objects.order_by("recorded_at", "id").values_list("summary", flat=True)
    assert list(summaries) == [
        "A first token was issued to the API client dialler.",
        "A further token was issued to the API client dialler.",
    ]


def test_replacing_tells_that_the_earlier_tokens_are_void() -> None:
    run("create_api_client", "dialler")
    assert "hold no longer; there were 1" in run("create_api_client", "dialler", "--replace")[0]


def test_a_client_that_was_deactivated_gets_no_token() -> None:
    run("create_api_client", "dialler")
    User.objects.filter(username="dialler").update(is_active=False)
    with pytest.raises(CommandError, match="deactivated"):
        run("create_api_client", "dialler")
    assert AuthToken.objects.count() == 1


def test_a_client_with_another_role_gets_no_token() -> None:
    run("create_api_client", "dialler")
    User.objects.get().groups.add(Group.objects.create(name=Role.SUPERVISOR))
    with pytest.raises(CommandError, match="other roles"):
        run("create_api_client", "dialler")


def test_replacing_revokes_the_earlier_tokens() -> None:
    run("create_api_client", "dialler")
    run("create_api_client", "dialler", "--replace")
    assert AuthToken.objects.filter(user__username="dialler").count() == 1


def test_a_person_is_never_made_a_client() -> None:
    User.objects.create_user("ada")
    with pytest.raises(CommandError, match="a person's account"):
        run("create_api_client", "ada")


@pytest.mark.parametrize("command", ["create_api_client", "create_admin"])
@pytest.mark.parametrize("name", ["", "two words", "x" * 151, "a\nb"])
def test_a_name_that_cannot_be_a_username_is_refused(command: str, name: str) -> None:
    with pytest.raises(CommandError, match="at most 150"):
        run(command, name)


GOOD_PASSWORD = "three-quiet-otters"


def make_admin(monkeypatch: pytest.MonkeyPatch, *, password: str = GOOD_PASSWORD) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return run("create_admin", "ada")


def test_the_first_administrator_can_log_in_and_enter_the_admin(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    make_admin(monkeypatch)
    user = authenticate(username="ada", password=GOOD_PASSWORD)
    assert isinstance(user, User)
    assert roles_of(user) == {Role.ADMINISTRATOR}
    assert not user.is_superuser
    client.force_login(user)
    assert client.get("/status/").status_code == 200
    page = client.get("/admin/auth/user/add/")
    assert page.status_code == 200


def test_the_first_administrator_finds_every_role_to_give(
    monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    make_admin(monkeypatch)
    client.force_login(User.objects.get(username="ada"))
    page = client.get(f"/admin/auth/user/{User.objects.get().pk}/change/").content.decode()
    assert all(role.value.replace("_", " ") in page for role in Role)
    assert client.get("/admin/injections/queue/add/").status_code == 200


def test_the_first_administrator_is_on_record_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    make_admin(monkeypatch)
    record = AuditRecord.objects.get(action="user.added")
    assert record.summary == "Barge Portal added the user ada, an administrator."
    assert record.source_where == "manage.py create_admin"
    assert GOOD_PASSWORD not in record.body


@pytest.mark.parametrize("password", ["", "short", "1234567890", "password123"])
def test_a_password_that_can_be_guessed_makes_no_administrator(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    with pytest.raises(CommandError, match="password is"):
        make_admin(monkeypatch, password=password)
    assert not User.objects.exists()
    assert not AuditRecord.objects.exists()


def test_an_account_that_is_there_is_not_made_an_administrator(monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("ada")
    with pytest.raises(CommandError, match="There is an account ada already"):
        make_admin(monkeypatch)
    assert roles_of(User.objects.get()) == set()


def change_password(monkeypatch: pytest.MonkeyPatch, name: str, *, password: str) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    return run("changepassword", name)


def test_a_changed_password_holds_and_is_on_record_without_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("ada", password=GOOD_PASSWORD)
    change_password(monkeypatch, "ada", password="four-noisy-herons")
    assert authenticate(username="ada", password=GOOD_PASSWORD) is None
    assert authenticate(username="ada", password="four-noisy-herons") is not None
    record = AuditRecord.objects.get(action="user.changed")
    assert record.summary == "Barge Portal changed the user ada: password."
    assert record.source_where == "manage.py changepassword"
    assert "herons" not in record.body


def test_a_password_whose_record_cannot_be_written_is_not_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    User.objects.create_user("ada", password=GOOD_PASSWORD)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the log is full")

    monkeypatch.setattr("audit.services.append", fail)
    with pytest.raises(RuntimeError):
        change_password(monkeypatch, "ada", password="four-noisy-herons")
    assert authenticate(username="ada", password=GOOD_PASSWORD) is not None


@pytest.mark.parametrize(
    ("name", "password", "why"),
    [("ada", "short", "too short"), ("bob", "four-noisy-herons", "no account bob")],
)
def test_a_password_is_not_changed_for_nobody_nor_to_one_that_can_be_guessed(
    monkeypatch: pytest.MonkeyPatch, name: str, password: str, why: str
) -> None:
    User.objects.create_user("ada", password=GOOD_PASSWORD)
    with pytest.raises(CommandError, match=why):
        change_password(monkeypatch, name, password=password)
    assert authenticate(username="ada", password=GOOD_PASSWORD) is not None
    assert not AuditRecord.objects.exists()


def test_a_machine_is_given_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    run("create_api_client", "dialler")
    with pytest.raises(CommandError, match="tokens and no password"):
        change_password(monkeypatch, "dialler", password=GOOD_PASSWORD)
    assert not User.objects.get(username="dialler").has_usable_password()


@pytest.mark.parametrize("options", [(), ("--noinput", "--username", "ada", "--email", "a@b.example")])
def test_django_s_superuser_is_not_made(options: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="create_admin NAME"):
        run("createsuperuser", *options)
    assert not User.objects.exists()


@pytest.fixture
def seeded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("DEMO_PASSWORD", "a-demo-password")
    return run("seed_demo")


def test_seeding_prints_the_logins(seeded: list[str]) -> None:
    assert "supervisor" in seeded[-1]
    assert "a-demo-password" in seeded[-1]


@pytest.mark.usefixtures("seeded")
def test_every_person_has_a_role_and_no_superuser_exists() -> None:
    assert {user.username: set(roles_of(user)) for user in User.objects.all()} == {
        username: {role} for username, _, _, role in demo.PEOPLE
    }
    assert not User.objects.filter(is_superuser=True).exists()


@pytest.mark.usefixtures("seeded")
def test_only_those_with_tables_to_see_may_enter_the_admin() -> None:
    def enters(user: User) -> bool:
        browser = Client()
        browser.force_login(user)
        return browser.get("/admin/").status_code == 200

    assert {user.username for user in User.objects.all() if enters(user)} == {"admin", "compliance"}


@pytest.mark.usefixtures("seeded")
def test_compliance_may_read_the_log_and_change_nothing() -> None:
    rights = User.objects.get(username="compliance").get_all_permissions()
    assert "audit.view_auditrecord" in rights
    assert [right for right in rights if ".view_" not in right] == []


@pytest.mark.usefixtures("seeded")
def test_the_supervisor_has_every_queue_but_the_fraud_desk() -> None:
    theirs = User.objects.get(username="supervisor").supervised_queues.values_list("name", flat=True)
    assert set(Queue.objects.values_list("name", flat=True)) - set(theirs) == {"Fraud desk"}


@pytest.mark.usefixtures("seeded")
def test_recordings_of_all_three_formats_are_approved() -> None:
    clips = AudioClip.objects.all()
    assert {clip.container for clip in clips} == {"wav", "mp3", "ogg"}
    assert {clip.status for clip in clips} == {ClipStatus.APPROVED}
    assert all(
        clip.uploaded_by.username == "audioadmin" and clip.decided_by.username == "approver" for clip in clips
    )


@pytest.mark.usefixtures("seeded")
def test_seeding_again_changes_nothing() -> None:
    def state() -> list[object]:
        return [list(model.objects.order_by("pk").values()) for model in (User, AudioClip, Queue)]

    before = state()
    run("seed_demo")
    assert state() == before


def test_without_a_given_password_a_new_one_is_set_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO_PASSWORD", raising=False)
    monkeypatch.setattr(demo, "seed_recordings", lambda **_: 0)
    first, second = (run("seed_demo")[-1].split()[-1] for _ in range(2))
    assert first != second
    assert authenticate(username="supervisor", password=first) is None
    assert authenticate(username="supervisor", password=second) is not None


@pytest.mark.usefixtures("seeded")
def test_the_log_says_that_the_portal_approved_its_demo_recordings_and_nobody_else() -> None:
    record = AuditRecord.objects.filter(action="clip.approved").first()
    assert record is not None
    assert record.summary.startswith("Barge Portal (for Amara Novak) approved the recording ")
    assert (record.actor_kind, record.actor_id) == ("system", "")
    assert '"where":"manage.py seed_demo"' in record.body


def offered() -> str:
    """Return the conversation of the curl example."""
    body = " ".join(run("curl_example")).partition("-d '")[2].rpartition("'")[0]
    conversation_id: str = json.loads(body)["conversationId"]
    return conversation_id


def test_the_curl_example_has_the_call_that_has_gone_on_longest() -> None:
    AudioClipFactory()
    now = timezone.now()
    calls = [LiveCallFactory(connected_at=now - timedelta(minutes=minutes)) for minutes in (1, 9, 4)]
    assert offered() == str(calls[1].pk)


@pytest.mark.parametrize(
    "busy",
    [
        {"state": "alerting"},
        {"is_held": True},
        {"is_secure_paused": True},
        {"barged_by": "Sam"},
        {"consent_reason": "consent_denied"},
        {"agent_participant_id": None},
        {"seen_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
def test_the_curl_example_has_no_call_that_may_not_be_barged(busy: dict[str, Any]) -> None:
    AudioClipFactory()
    LiveCallFactory(connected_at=timezone.now() - timedelta(hours=1), **busy)
    free = LiveCallFactory()
    assert offered() == str(free.pk)


def test_the_curl_example_has_no_call_with_a_recording_in_it() -> None:
    AudioClipFactory()
    busy = LiveCallFactory(connected_at=timezone.now() - timedelta(hours=1))
    InjectionFactory(conversation_id=busy.pk)
    with pytest.raises(CommandError, match="No call that may be barged"):
        run("curl_example")


def test_the_curl_example_says_what_is_missing() -> None:
    with pytest.raises(CommandError, match="make run"):
        run("curl_example")
