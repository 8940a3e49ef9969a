"""The platform's error bodies, each with the code and the wording that it uses."""

from collections.abc import Mapping

from injections.genesys.simulator.messages import CORRELATION, Response, json_response

_STOCK = {
    400: ("bad.request", "The request could not be understood by the server due to malformed syntax."),
    401: ("bad.credentials", "Invalid login credentials."),
    403: ("not.authorized", "You are not authorized to perform the requested action."),
    404: ("not.found", "The requested resource was not found."),
    405: ("method.not.allowed", "The request method is not supported by this resource."),
    409: ("conflict", "The request conflicts with the current state of the resource."),
    413: ("request.entity.too.large", "The request is over the size limit."),
    415: (
        "unsupported.media.type",
        "Unsupported Media Type - Unsupported or incorrect media type, such as an incorrect Content-Type "
        "value in the header.",
    ),
    429: ("too.many.requests.retry.after", "Rate limit exceeded the maximum."),
    500: (
        "internal.server.error",
        "The server encountered an unexpected condition which prevented it from fulfilling the request.",
    ),
    502: ("bad.gateway", "The server received an invalid response from an upstream server."),
    503: (
        "service.unavailable",
        "Service Unavailable - The server is currently unavailable (because it is overloaded or down for "
        "maintenance).",
    ),
    504: ("request.timeout", "The request timed out."),
}


class ApiError(Exception):
    """An answer with an error body, raised where the refusal is decided."""

    def __init__(
        self,
        status: int,
        *,
        code: str | None = None,
        message: str | None = None,
        template: str | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        stock_code, stock_message = _STOCK.get(status, ("unknown", "The request failed."))
        self.status = status
        self.code = code if code is not None else stock_code
        self.template = template
        self.params = dict(params or {})
        self.headers = dict(headers or {})
        self.message = message if message is not None else stock_message
        if template is not None:
            self.message = template.format(**self.params)
        super().__init__(self.message)

    def response(self, correlation_id: str) -> Response:
        """Build the answer; `contextId` and the header name the same correlation id."""
        body: dict[str, object] = {
            "message": self.message,
            "code": self.code,
            "status": self.status,
            "contextId": correlation_id,
            "details": [],
            "errors": [],
        }
        if self.template is not None:
            body |= {"messageWithParams": self.template, "messageParams": self.params}
        return json_response(self.status, body, {CORRELATION: correlation_id, **self.headers})


def invalid_value(field_name: str, value: object, allowed: str) -> ApiError:
    """Refuse one field of a payload, naming it, what it held and what it may hold."""
    return ApiError(
        400,
        code="invalid.value",
        template="Value [{fieldValue}] is not valid for field type [{fieldType}]. "
        "Allowable values are: {allowableValues}",
        params={"fieldValue": str(value)[:200], "fieldType": field_name, "allowableValues": allowed},
    )


def rate_limited(*, retry_after_s: int) -> ApiError:
    """Refuse a request over the rate limit, saying in whole seconds when to come back."""
    return ApiError(
        429,
        message=f"Rate limit exceeded the maximum. Retry the request in [{retry_after_s}] seconds",
        headers={"Retry-After": str(retry_after_s)},
    )
