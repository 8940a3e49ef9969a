"""Somebody with a browser without a screen, who visits a running portal."""

import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

from tests.support.portal import PortalProcess


class Answer:
    """What the portal answered."""

    def __init__(self, answer: http.client.HTTPResponse) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self.text = answer.read().decode()

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Client:
    """A browser without a screen: keeps cookies, follows nothing by itself."""

    def __init__(self, portal: PortalProcess) -> None:
        self._port = portal.port
        self._cookies: SimpleCookie = SimpleCookie()

    def request(self, method: str, path: str, *, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=15)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self._cookies:
            sent["Cookie"] = "; ".join(f"{name}={morsel.value}" for name, morsel in self._cookies.items())
        try:
            connection.request(method, path, body=body, headers=sent)
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or []:
            self._cookies.load(cookie)
        return answer

    def post_form(self, path: str, **fields: str) -> Answer:
        page = self.request("GET", path).text
        fields["csrfmiddlewaretoken"] = page.partition('name="csrfmiddlewaretoken" value="')[2].partition(
            '"'
        )[0]
        return self.request(
            "POST",
            path,
            body=urllib.parse.urlencode(fields).encode(),
            Content_Type="application/x-www-form-urlencoded",
        )


def wait_until(is_so: Callable[[], bool], *, within_s: float) -> bool:
    end = time.monotonic() + within_s
    while not is_so() and time.monotonic() < end:
        time.sleep(0.1)
    return is_so()
