"""/api/v1/injections/: what became of an injection."""

from uuid import UUID

from django.http import Http404
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from injections.api.serializers import shown_injection
from injections.audit_events import injection_subject
from injections.callers import caller_of
from injections.models import InjectionRequest
from injections.roles import Action
from injections.services.refusals import record_refusal


class InjectionView(APIView):
    """The address behind every `Location`."""

    def get(self, request: Request, injection_id: UUID) -> Response:
        """Return status, code, reason, attempts with stages, and times of an injection of this token's own."""
        request._request.user = request.user
        by = caller_of(request._request)
        if not by.may(Action.SEE_OWN_INJECTIONS):
            record_refusal(
                action="access.refused",
                code="not_permitted",
                summary=f"{by.label} asked the API for an injection without the role for it.",
                by=by,
            )
            raise PermissionDenied("This token may not read injections.")
        found = InjectionRequest.objects.prefetch_related("attempts").filter(pk=injection_id).first()
        if found is None:
            raise Http404
        if found.requested_by_id != request.user.pk:
            record_refusal(
                action="access.refused",
                code="out_of_scope",
                summary=f"{by.label} asked the API for an injection of somebody else.",
                subject=injection_subject(found),
                by=by,
            )
            raise Http404  # whether it is there is told to its owner alone
        return Response(shown_injection(found))
