import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from injections import selectors
from injections.callers import Caller, system_caller
from injections.lifecycle import Status
from injections.models import CompletionRegistration, DispatchAttempt, FeedState
from injections.models.audio_clip import ClipStatus
from injections.roles import Role
from injections.selectors import InjectionFilter
from injections.services.sweep import doubt_abandoned
from tests.factories import (
    AudioClipFactory,
    InjectionFactory,
    LiveCallFactory,
    QaEventFactory,
    QueueFactory,
    UserFactory,
)
from tests.injections.conftest import caller_for

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LOST = {"reason_code": "outcome_unknown", "error": "the answer was lost"}


def somebody(role: Role, *queues: Any) -> Caller:
    user = UserFactory(role=role)
    user.supervised_queues.set(queues)
    return caller_for(user)


def test_a_supervisor_sees_the_calls_of_their_queues_alone():
    mine = LiveCallFactory()
    LiveCallFactory()
    assert list(selectors.live_calls(by=somebody(Role.SUPERVISOR, mine.queue))) == [mine]


def test_a_role_without_calls_sees_none_even_with_a_queue():
    call = LiveCallFactory()
    assert not selectors.live_calls(by=somebody(Role.COMPLIANCE, call.queue)).exists()


def test_a_call_of_others_is_told_apart_from_one_that_is_not_there():
    other, by = LiveCallFactory(), somebody(Role.SUPERVISOR, QueueFactory())
    assert selectors.live_call(conversation_id=other.pk, by=by) is None
    assert selectors.is_call_of_another_queue(conversation_id=other.pk, by=by)
    assert not selectors.is_call_of_another_queue(conversation_id=uuid.uuid4(), by=by)


def test_only_what_may_still_sound_makes_a_call_busy():
    waiting = InjectionFactory()
    InjectionFactory(status=Status.COMPLETED, due_at=None)
    assert selectors.busy_conversations() == {waiting.conversation_id}
    assert selectors.busy_conversations(among=[uuid.uuid4()]) == frozenset()


def test_a_feed_that_never_began_is_late():
    assert selectors.feed(now=NOW).is_late


def test_a_feed_without_a_snapshot_is_late_however_much_it_hears():
    FeedState.objects.create(snapshot_at=None, heard_at=NOW)
    assert selectors.feed(now=NOW).is_late


@pytest.mark.parametrize(("age_s", "is_late"), [(10, False), (11, True)])
def test_a_feed_is_late_after_ten_seconds(age_s: int, is_late: bool):
    FeedState.objects.create(snapshot_at=NOW - timedelta(seconds=age_s))
    assert selectors.feed(now=NOW).is_late is is_late


def test_a_channel_that_lives_does_not_vouch_for_calls_that_cannot_be_read():
    FeedState.objects.create(snapshot_at=NOW - timedelta(seconds=14), heard_at=NOW)
    feed = selectors.feed(now=NOW)
    assert feed.is_late
    assert feed.heard_s == 0


def test_the_last_doubt_of_each_call_is_found_whoever_asked():
    older = InjectionFactory(
        status=Status.UNKNOWN, due_at=None, requested_at=NOW - timedelta(minutes=9), **LOST
    )
    newer = InjectionFactory(
        status=Status.UNKNOWN,
        due_at=None,
        requested_at=NOW - timedelta(minutes=1),
        conversation_id=older.conversation_id,
        occupies_call=False,
        clip__title="Disclosure",
        **LOST,
    )
    InjectionFactory(requested_at=NOW)
    found = selectors.open_doubts(now=NOW)
    assert set(found) == {newer.conversation_id}
    assert found[newer.conversation_id] == selectors.OpenDoubt(
        "Disclosure", newer.requested_at, is_audible=False
    )
    assert selectors.open_doubts(now=NOW, among=[uuid.uuid4()]) == {}


def test_a_doubt_that_somebody_settled_is_none():
    InjectionFactory(status=Status.COMPLETED, due_at=None, requested_at=NOW)
    assert selectors.open_doubts(now=NOW) == {}


def test_recordings_stand_in_the_order_of_their_approval():
    late = AudioClipFactory(title="Aaa", decided_at=NOW + timedelta(days=1))
    early = AudioClipFactory(title="Zzz", decided_at=NOW)
    assert list(selectors.playable_clips(by=somebody(Role.SUPERVISOR))) == [early, late]


def test_only_approved_recordings_are_playable():
    approved = AudioClipFactory()
    AudioClipFactory(status=ClipStatus.DRAFT, decided_at=None, decided_by=None)
    assert list(selectors.playable_clips(by=somebody(Role.SUPERVISOR))) == [approved]


def test_an_api_client_sees_no_recordings():
    made = AudioClipFactory()
    machine = somebody(Role.API_CLIENT)
    assert not selectors.clips(by=machine).exists()
    assert not selectors.playable_clips(by=machine).exists()
    assert selectors.clip(clip_id=made.pk, by=machine) is None


def test_recordings_are_found_by_title_words_and_state():
    made = AudioClipFactory(title="Privacy reminder", transcript="Do not say card numbers.")
    AudioClipFactory()
    by = somebody(Role.COMPLIANCE)
    assert list(selectors.clips(text="card", by=by)) == [made]
    assert list(selectors.clips(text="privacy", status=ClipStatus.APPROVED, by=by)) == [made]
    assert not selectors.clips(status=ClipStatus.RETIRED, by=by).exists()


def test_a_supervisor_sees_their_own_injections_and_those_of_their_queues():
    queue = QueueFactory()
    by = somebody(Role.SUPERVISOR, queue)
    own, of_queue = InjectionFactory(requested_by=by.user), InjectionFactory(queue=queue)
    InjectionFactory()
    assert set(selectors.injections(by=by)) == {own, of_queue}


def test_compliance_sees_every_injection():
    InjectionFactory.create_batch(2)
    assert selectors.injections(by=somebody(Role.COMPLIANCE)).count() == 2


def test_other_roles_see_no_injection():
    InjectionFactory()
    assert not selectors.injections(by=somebody(Role.AUDIO_ADMIN)).exists()


def test_an_api_client_sees_its_own_injections_alone():
    by = somebody(Role.API_CLIENT)
    own = InjectionFactory(requested_by=by.user)
    InjectionFactory()
    assert list(selectors.injections(by=by)) == [own]


def test_an_injection_of_others_is_not_there():
    other = InjectionFactory()
    assert selectors.injection(injection_id=other.pk, by=somebody(Role.SUPERVISOR)) is None


@pytest.mark.parametrize(
    "narrowed",
    [
        InjectionFilter(text="avery"),
        InjectionFilter(text="reminder"),
        InjectionFilter(statuses=("completed",)),
        InjectionFilter(since=NOW, until=NOW + timedelta(days=1)),
    ],
)
def test_a_filter_finds_what_it_names(narrowed: InjectionFilter):
    wanted = InjectionFactory(
        agent_name="Avery",
        clip__title="Privacy reminder",
        status=Status.COMPLETED,
        due_at=None,
        requested_at=NOW,
    )
    InjectionFactory(requested_at=NOW - timedelta(days=2))
    assert list(selectors.injections(narrowed=narrowed, by=somebody(Role.COMPLIANCE))) == [wanted]


def test_pages_follow_each_other_without_gap_even_within_one_moment():
    InjectionFactory.create_batch(5, requested_at=NOW)
    by = somebody(Role.COMPLIANCE)
    everything = list(selectors.injections(by=by))
    later = selectors.injections(narrowed=InjectionFilter(before=everything[1].pk), by=by)
    assert list(later) == everything[2:]


def test_a_page_after_an_invisible_injection_begins_at_the_start():
    by = somebody(Role.SUPERVISOR)
    own = InjectionFactory(requested_by=by.user)
    hidden = InjectionFactory()
    assert list(selectors.injections(narrowed=InjectionFilter(before=hidden.pk), by=by)) == [own]


def test_an_idempotency_key_belongs_to_whoever_used_it():
    by = somebody(Role.SUPERVISOR)
    own = InjectionFactory(requested_by=by.user, idempotency_key="k")
    InjectionFactory(idempotency_key="k")
    assert selectors.injection_by_key(key="k", by=by) == own


def test_the_summary_counts_what_waits_and_what_is_unclear():
    now = timezone.now()
    InjectionFactory(due_at=now - timedelta(seconds=9))
    InjectionFactory(status=Status.UNKNOWN, due_at=None, reason_code="outcome_unknown", error="lost")
    CompletionRegistration.objects.create(problem="refused")
    summary = selectors.status_summary(now=now)
    assert (summary.waiting, summary.unknown, summary.unconfirmed) == (1, 1, 0)
    assert summary.oldest_due_at == now - timedelta(seconds=9)
    assert summary.registration_problem == "refused"


def test_the_summary_tells_failed_deliveries_from_waiting_ones():
    now = timezone.now()
    QaEventFactory(created_at=now - timedelta(minutes=5))
    QaEventFactory(tries=2, error="answered 503")
    QaEventFactory(due_at=None, delivered_at=now)
    summary = selectors.status_summary(now=now)
    assert (summary.qa_waiting, summary.qa_failed) == (1, 1)
    assert summary.oldest_qa_at == now - timedelta(minutes=5)


def _left_between_intent_and_answer(*, is_swept: bool) -> None:
    now = timezone.now()
    row = InjectionFactory(
        status=Status.DISPATCHING,
        due_at=None,
        sent_at=now,
        lease_token=uuid.uuid4(),
        lease_until=now - timedelta(seconds=1) if is_swept else now + timedelta(seconds=9),
    )
    DispatchAttempt.objects.create(injection=row, number=1, started_at=now)
    doubt_abandoned(by=system_caller(where="test"))


def test_the_summary_counts_the_tries_that_died_with_their_process():
    _left_between_intent_and_answer(is_swept=True)
    assert selectors.status_summary(now=timezone.now()).left_behind == 1


def test_a_try_that_is_under_way_was_not_left_behind():
    _left_between_intent_and_answer(is_swept=False)
    assert selectors.status_summary(now=timezone.now()).left_behind == 0


def test_what_was_left_behind_is_forgotten_after_a_day():
    _left_between_intent_and_answer(is_swept=True)
    assert selectors.status_summary(now=timezone.now() + timedelta(days=1, seconds=1)).left_behind == 0


def test_deliveries_are_for_whoever_may_send_again():
    QaEventFactory()
    assert selectors.deliveries(by=somebody(Role.COMPLIANCE)).count() == 1
    assert selectors.deliveries(by=somebody(Role.SUPERVISOR)).count() == 0


def test_doubts_are_counted_within_what_may_be_seen():
    doubt = {"due_at": None, "reason_code": "outcome_unknown", "error": "lost"}
    by = somebody(Role.SUPERVISOR)
    InjectionFactory(status=Status.UNKNOWN, requested_by=by.user, **doubt)
    InjectionFactory(status=Status.UNCONFIRMED, **doubt)
    assert selectors.doubts(by=by) == selectors.Doubts(unknown=1, unconfirmed=0)
    assert selectors.doubts(by=somebody(Role.COMPLIANCE)).count == 2
