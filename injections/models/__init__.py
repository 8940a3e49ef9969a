"""The tables of the product, one file each. Every invariant is a constraint of the database."""

from injections.models.audio_clip import AudioClip
from injections.models.completion_event import CompletionEvent
from injections.models.completion_registration import CompletionRegistration
from injections.models.dispatch_attempt import DispatchAttempt
from injections.models.injection_request import InjectionRequest
from injections.models.live_call import FeedState, LiveCall
from injections.models.qa_event import QaEvent
from injections.models.queue import Queue

__all__ = [
    "AudioClip",
    "CompletionEvent",
    "CompletionRegistration",
    "DispatchAttempt",
    "FeedState",
    "InjectionRequest",
    "LiveCall",
    "QaEvent",
    "Queue",
]
