"""POST /inject: the original service's HTTP face, to the letter of the contract."""

import hashlib
import json
import logging
import math
from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest
from rest_framework.exceptions import APIException, MethodNotAllowed, Throttled, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from audit.entry import Subject
from injections import media
from injections.api.answers import answer_for
from injections.api.problems import STRANGERS_A_MINUTE, database_away, first_fault
from injections.api.serializers import InjectBody, location_of
from injections.api.throttling import ClientRate
from injections.callers import Caller, anonymous_caller, caller_of
from injections.genesys.payload import BadAudioUrl, level_url, validate_source_url
from injections.lifecycle import Status
from injections.models import AudioClip, InjectionRequest
from injections.models.dispatch_attempt import AttemptOutcome
from injections.models.fixed import CLIPS
from injections.reasons import reason
from injections.roles import Action
from injections.selectors import receipt_of
from injections.services.refusals import record_refusal
from injections.services.submission import Command, KeyReused, inject

log = logging.getLogger(__name__)
_LONGEST_KEY: Final = 255
_CODES_OF_AUDIO: Final = ("host_not_allowed", "unknown_recording", "bad_audio_url")
_QUEUE_FULL_WAIT_S: Final = 2


class InjectView(APIView):
    """Play a recording into a live call. Every attempt is on record, refused ones too."""

    permission_classes = ()  # decided in `post`: a refusal has the contract's body, and a record
    throttle_classes = (ClientRate,)
    http_method_names = ("post",)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Send other methods away first: they are no attempt, and need neither token nor patience to be told so."""
        if request.method != "POST":
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)

    def post(self, request: Request) -> Response:
        """Check the call and its consent, then send the command once (contract: POST /inject)."""
        by = caller_of(_http(request))
        if by.user is None:
            return _refuse_stranger(request, "No valid token. Send Authorization: Token <token>.")
        if not by.may(Action.INJECT_BY_API):
            return _refuse(by, 403, "not_permitted", "The role of this token may not inject.")
        unread: tuple[int, str] | None = getattr(_http(request), "body_refused", None)
        if unread is not None:
            return _refuse(by, unread[0], "bad_request", unread[1])
        try:
            body = _validated(request)
            command = _command(body)
            key = _key(request)
        except ValidationError as error:
            field, why = first_fault(error)
            return _refuse(
                by, 400, _code_of(error), f"{field}: {why}" if field else why, field=field, body=_raw(request)
            )
        except APIException as error:
            return _refuse(by, error.status_code, "bad_request", str(error.detail))
        try:
            done = inject(
                command=command,
                key=key,
                fingerprint=_fingerprint(body),
                received=getattr(_http(request), "received_at", None),
                by=by,
            )
        except KeyReused:
            return _answer_body(
                409, "duplicate_key", reason("duplicate_key").sentence, field="Idempotency-Key"
            )
        return _answer(done.injection, is_replay=done.is_replay)

    def handle_exception(self, exc: Exception) -> Response:
        """Answer a bad token with the contract's body, and record it; all else as everywhere."""
        if isinstance(exc, APIException) and exc.status_code in {401, 403}:
            return _refuse_stranger(self.request, f"{exc.detail} Send Authorization: Token <token>.")
        away = database_away(exc)
        if away is not None:
            response = _answer_body(503, "database_away", str(away.detail))
            response["Retry-After"] = str(away.wait)
            return response
        if isinstance(exc, Throttled):
            most = settings.INJECT_RATE_PER_MINUTE
            response = _over_rate(self.request, f"This client sent more than {most} requests in a minute.")
            wait_s: float | None = getattr(exc, "wait", None)
            response["Retry-After"] = str(1 if wait_s is None else max(1, math.ceil(wait_s)))
            return response
        if isinstance(exc, MethodNotAllowed):
            response = _answer_body(
                405, "bad_request", "Only POST is answered here. Send the command with POST."
            )
            response["Allow"] = "POST"
            return response
        return super().handle_exception(exc)


def _over_rate(request: Request, message: str) -> Response:
    """Refuse a client that asks for too much; the first time in each minute it is on record."""
    if getattr(request._request, "is_first_over_rate", False):
        return _refuse(caller_of(_http(request)), 429, "too_many_requests", message)
    return _answer_body(429, "too_many_requests", message)


def _http(request: Request) -> HttpRequest:
    http: HttpRequest = request._request
    http.user = request.user
    return http


def _validated(request: Request) -> dict[str, Any]:
    data = request.data
    if not isinstance(data, dict):
        raise ValidationError("The body must be a JSON object.")
    serializer = InjectBody(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _command(body: dict[str, Any]) -> Command:
    """Return the command. Raises ValidationError for an audio address that cannot be used."""
    matrix = body["streamMatrix"]
    clip, url = _recording(body["audioUrl"], normalize=matrix["normalizeLevel"])
    deadline_ms = body.get("deadlineMs")
    return Command(
        conversation_id=body["conversationId"],
        participant_id=body["participantId"],
        clip=clip,
        audio_url=url,
        agent_mute=matrix["agentMute"],
        caller_mute=matrix["callerMute"],
        normalize_level=matrix["normalizeLevel"],
        max_duration_ms=body["maxDurationMs"],
        reason="",
        seen_version="",
        is_from_page=False,
        deadline_s=None if deadline_ms is None else deadline_ms / 1000,
    )


def _recording(url: str, *, normalize: bool) -> tuple[AudioClip | None, str]:
    try:
        validate_source_url(
            url, allowed_hosts=settings.INJECT_AUDIO_HOSTS, own_base_url=settings.PORTAL_BASE_URL
        )
        if media.is_own(url):
            return _own_recording(url), ""
        if normalize:
            level_url(url)  # refuses an address whose signature this would break
    except BadAudioUrl as error:
        raise ValidationError({"audioUrl": error.message}, code=error.code) from None
    return None, url


def _own_recording(url: str) -> AudioClip:
    clip_id = media.own_clip_id(url)
    clip = None if clip_id is None else CLIPS.get(clip_id)
    if clip is None:
        raise ValidationError(
            {"audioUrl": "This portal has no recording at that address."}, code="unknown_recording"
        )
    return clip


def _key(request: Request) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= _LONGEST_KEY or not key.isascii() or not key.isprintable():
        raise ValidationError({"Idempotency-Key": f"Must have 1 to {_LONGEST_KEY} visible ASCII characters."})
    return key


def _fingerprint(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


def _answer(injection: InjectionRequest, *, is_replay: bool) -> Response:
    answer = answer_for(
        request_id=str(injection.pk),
        status=Status(injection.status),
        code=injection.reason_code,
        message=injection.error,
        interaction_id=injection.interaction_id,
        is_unverified=_is_unverified(injection),
        latency_ms=_latency_ms(injection),
    )
    response = Response(answer.body | {"receipt": receipt_of(injection)}, status=answer.http_status)
    if answer.http_status >= 400:
        _log_end(injection, answer.http_status, response)
    if answer.needs_location:
        response["Location"] = location_of(injection)
    if answer.http_status == 429:
        response["Retry-After"] = str(_QUEUE_FULL_WAIT_S)
    if is_replay:
        response["Idempotent-Replayed"] = "true"
    return response


def _latency_ms(injection: InjectionRequest) -> float | None:
    """Return how long the platform took, or, where it gave no answer, how long it was tried."""
    if injection.answered_ms is not None or injection.ended_at is None:
        return injection.answered_ms
    return (injection.ended_at - injection.requested_at).total_seconds() * 1000


def _log_end(injection: InjectionRequest, http_status: int, response: Response) -> None:
    """Log the answer in place of Django, for whom a 502 is an error in the program and every request the same."""
    code = injection.reason_code
    log.warning("injection %s is %s (%s): answered %s", injection.pk, injection.status, code, http_status)
    response._has_been_logged = True  # type: ignore[attr-defined]  # what Django itself asks (django.utils.log)


def _is_unverified(injection: InjectionRequest) -> bool:
    if injection.status != Status.FAILED:
        return False
    last = injection.attempts.order_by("-number").first()
    return last is not None and last.outcome == AttemptOutcome.UNVERIFIED


def _refuse_stranger(request: Request, message: str) -> Response:
    """Refuse whoever has no valid token; what counts is who is connected: a header may claim any source."""
    http: HttpRequest = request._request
    peer = http.META.get("REMOTE_ADDR", "")
    response = _refuse(anonymous_caller(http), 401, "not_authenticated", message, counted_for=peer)
    response["WWW-Authenticate"] = "Token"
    return response


def _refuse(
    by: Caller,
    http_status: int,
    code: str,
    message: str,
    *,
    field: str | None = None,
    body: dict[str, Any] | None = None,
    counted_for: str | None = None,
) -> Response:
    """Record an attempt that never became an injection, and answer it."""
    body = body or {}
    record_refusal(
        action="injection.request_refused",
        code=code,
        summary=f"{by.label} asked for an injection that was not taken: {message}",
        subject=Subject(
            conversation_id=_text(body, "conversationId"), participant_id=_text(body, "participantId")
        ),
        details={"field": field or "", "http_status": http_status},
        counted_for=counted_for,
        most_a_minute=STRANGERS_A_MINUTE,
        by=by,
    )
    return _answer_body(http_status, code, message, field=field)


def _answer_body(http_status: int, code: str, message: str, *, field: str | None = None) -> Response:
    body = {
        "status": "refused",
        "message": message,
        "id": None,
        "code": code,
        "field": field,
        "remedy": reason(code).remedy,
    }
    return Response(body, status=http_status)


def _raw(request: Request) -> dict[str, Any]:
    data = request.data
    return data if isinstance(data, dict) else {}


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    return value if isinstance(value, str) else None


def _code_of(error: ValidationError) -> str:
    codes = str(error.get_codes())
    return next((code for code in _CODES_OF_AUDIO if code in codes), "bad_request")
