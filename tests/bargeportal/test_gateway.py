import asyncio
import io
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest
import uvicorn
from django.core.signals import request_finished
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import override_settings
from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bargeportal.gateway import Gateway

LONG = b"x" * 3_000_000


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body, content_type="application/octet-stream")


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("ok")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


def thread(request: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("broken on purpose")


def file(request: HttpRequest) -> FileResponse:
    return FileResponse(io.BytesIO(LONG))


def endless(request: HttpRequest) -> StreamingHttpResponse:
    def parts() -> Iterator[bytes]:
        while True:
            yield b"x" * 100_000

    return StreamingHttpResponse(parts())


def later(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        for part in (b"one ", b"two"):
            yield part

    return StreamingHttpResponse(parts())


def failing_page(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("and the page for it too")


def inject(request: HttpRequest) -> HttpResponse:
    status, sentence = getattr(request, "body_refused", (200, "read"))
    return HttpResponse(sentence, status=status)


class Parsed(APIView):
    """Answers what Django REST framework, which believes the declared length, has read."""

    authentication_classes = permission_classes = ()

    def post(self, request: Request) -> Response:
        return Response(request.data)


urlpatterns = [
    path("parsed", Parsed.as_view()),
    *(path(view.__name__, view) for view in (echo, cookies, thread, broken, file, endless, later, inject)),
]
handler500 = failing_page


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=["bargeportal.middleware.RequestContext"]):
        gateway = Gateway(threads=2, most_body_bytes=1_000_000, body_within_s=0.3)
        yield gateway
        gateway.close()


class Exchange:
    """One request as an ASGI server would bring it; keeps what is sent back."""

    def __init__(
        self, path: str, *, chunks: tuple[bytes, ...] = (b"",), headers: Any = (), method: str = "POST"
    ) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": b"",
            "headers": [(b"host", b"testserver"), *headers],
        }
        self.sent: list[dict[str, Any]] = []
        self.reads = 0
        self.hangs_up_after: int | None = None
        self._chunks = list(chunks)

    async def receive(self) -> dict[str, Any]:
        self.reads += 1
        if self._chunks:
            chunk = self._chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}
        if self.hangs_up_after is None:
            await asyncio.sleep(5)
        while self.hangs_up_after is not None and len(self.sent) < self.hangs_up_after:
            await asyncio.sleep(0)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        await asyncio.sleep(0)

    def run(self, gateway: Gateway) -> "Exchange":
        asyncio.run(asyncio.wait_for(gateway(self.scope, self.receive, self.send), 5))
        return self

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])


def test_a_body_in_chunks_reaches_the_view_whole(gateway: Gateway) -> None:
    assert Exchange("/echo", chunks=(b"one ", b"two")).run(gateway).body == b"one two"


@pytest.fixture
def port(gateway: Gateway) -> Iterator[int]:
    """The port where uvicorn, as in production, serves the gateway."""
    server = uvicorn.Server(uvicorn.Config(gateway, lifespan="off", ws="none", log_config=None))
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    assert not thread.is_alive()
    listener.close()


def test_a_body_in_chunks_that_declares_no_length_is_parsed(port: int) -> None:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(
            "POST",
            "/parsed",
            iter([b'{"conversation', b'Id": "c-1"}']),
            {"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
            encode_chunked=True,
        )
        assert json.load(connection.getresponse()) == {"conversationId": "c-1"}


def test_a_large_body_reaches_the_view_whole(gateway: Gateway) -> None:
    with override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=None):
        assert (
            Exchange("/echo", chunks=(b"x" * 600_000, b"y" * 300_000)).run(gateway).body[599_999:600_001]
            == b"xy"
        )


def test_a_declared_length_over_the_limit_is_refused_before_reading(gateway: Gateway) -> None:
    exchange = Exchange("/echo", headers=[(b"content-length", b"1000001")]).run(gateway)
    assert (exchange.status, exchange.reads) == (413, 0)
    assert b"longer than 1 MB" in exchange.body


def test_the_view_that_records_every_attempt_is_told_what_was_not_read(gateway: Gateway) -> None:
    exchange = Exchange("/inject", headers=[(b"content-length", b"1000001")]).run(gateway)
    assert (exchange.status, exchange.reads) == (413, 0)
    assert exchange.body == b"The request is longer than 1 MB. Send a shorter one."
    assert (b"Connection", b"close") in exchange.sent[0]["headers"]


def test_what_was_read_is_no_refusal(gateway: Gateway) -> None:
    assert Exchange("/inject").run(gateway).body == b"read"


def test_an_undeclared_length_over_the_limit_is_refused_while_reading(gateway: Gateway) -> None:
    assert Exchange("/echo", chunks=(b"x" * 600_000,) * 3).run(gateway).status == 413


def test_a_length_that_is_no_number_is_refused(gateway: Gateway) -> None:
    assert Exchange("/echo", headers=[(b"content-length", b"-1")]).run(gateway).status == 400


def test_a_body_that_does_not_come_is_given_up(gateway: Gateway) -> None:
    exchange = Exchange("/echo")
    exchange._chunks = []
    assert exchange.run(gateway).status == 408


def test_a_client_that_hangs_up_within_its_body_gets_nothing(gateway: Gateway) -> None:
    exchange = Exchange("/echo")
    exchange._chunks, exchange.hangs_up_after = [], 0
    assert exchange.run(gateway).sent == []


def test_an_address_that_is_not_utf8_is_refused(gateway: Gateway) -> None:
    exchange = Exchange("/echo")
    exchange.scope["query_string"] = b"\xff"
    assert exchange.run(gateway).status == 400


def test_every_cookie_is_sent(gateway: Gateway) -> None:
    head = Exchange("/cookies").run(gateway).sent[0]
    assert [value for name, value in head["headers"] if name == b"Set-Cookie"] == [
        b"one=1; Path=/",
        b"two=2; Path=/",
    ]


def test_the_view_runs_in_a_thread_of_the_pool(gateway: Gateway) -> None:
    assert Exchange("/thread").run(gateway).body.startswith(b"request_")


def test_a_file_arrives_whole(gateway: Gateway) -> None:
    assert Exchange("/file", method="GET").run(gateway).body == LONG


def test_an_asynchronous_stream_arrives_whole(gateway: Gateway) -> None:
    assert Exchange("/later", method="GET").run(gateway).body == b"one two"


def test_a_stream_ends_when_the_client_is_gone(gateway: Gateway) -> None:
    exchange = Exchange("/endless", method="GET")
    exchange.hangs_up_after = 4
    assert len(exchange.run(gateway).sent) < 10


@pytest.mark.parametrize("where", ["/echo", "/file"])
def test_the_end_of_a_request_is_signalled_once(gateway: Gateway, where: str) -> None:
    ends: list[object] = []

    def note(sender: object, **_: Any) -> None:
        ends.append(sender)

    request_finished.connect(note)
    try:
        Exchange(where, method="GET").run(gateway)
    finally:
        request_finished.disconnect(note)
    assert ends == [Gateway]


def test_a_failing_error_page_still_gives_500(gateway: Gateway) -> None:
    exchange = Exchange("/broken").run(gateway)
    assert (exchange.status, exchange.body) == (500, b"Internal Server Error")


def test_the_answer_names_the_request(gateway: Gateway) -> None:
    head = dict(Exchange("/echo").run(gateway).sent[0]["headers"])
    assert len(head[b"X-Request-Id"]) == 32
