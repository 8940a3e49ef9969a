"""The rows that a click and its completion event wait for, by fixed SQL (decision 0009)."""

from audit.fixed_sql import FixedSql
from injections.models.audio_clip import AudioClip
from injections.models.completion_event import CompletionEvent
from injections.models.dispatch_attempt import DispatchAttempt
from injections.models.injection_request import InjectionRequest
from injections.models.live_call import LiveCall
from injections.models.qa_event import QaEvent

CALLS = FixedSql(LiveCall)
CLIPS = FixedSql(AudioClip)
INJECTIONS = FixedSql(InjectionRequest)
ATTEMPTS = FixedSql(DispatchAttempt)
EVENTS = FixedSql(CompletionEvent)
QA_EVENTS = FixedSql(QaEvent)
