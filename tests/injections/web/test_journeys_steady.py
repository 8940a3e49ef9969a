"""Trouble that comes and goes by itself moves nothing under the hand of whoever is about to press."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.browsing import open_call

pytestmark = [pytest.mark.browser, pytest.mark.service]

SIZES = [(1440, 900), (1280, 720), (1024, 768), (820, 1180)]
# What the strip may have to say at its longest; as it stands in `strip.html`.
LONGEST = """() => {
    const strip = document.getElementById("strip");
    strip.removeAttribute("hx-get");
    strip.innerHTML = `<span class="health stop"><i>■</i> <span>Requests held back since 11:22:33 PM GMT+11, by
        <bdi>Maria-Magdalena Papadopoulou-Castañeda</bdi></span></span>
        <span class="health caution"><i>–</i> <span>No requests left, again in 59 s</span></span>`;
}"""


@pytest.fixture
def a_call_is_open(page: Any, sign_in: Any, new_call: Any) -> Callable[[str, int, int], None]:
    """Return what lets a supervisor open a call in a window of some size."""

    def do(agent: str, width: int, height: int) -> None:
        new_call(agent)
        page.set_viewport_size({"width": width, "height": height})
        sign_in("supervisor")
        open_call(page, agent)
        page.wait_for_timeout(300)

    return do


def tops(page: Any) -> list[float]:
    return [
        page.locator(part).bounding_box()["y"]
        for part in ("main", "#filters", "#calls-body", "#panel", ".act")
    ]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_the_longest_words_of_the_strip_move_nothing(page: Any, a_call_is_open: Any, width: int, height: int):
    a_call_is_open(f"Steady {width}", width, height)
    before = tops(page)
    page.evaluate(LONGEST)
    assert tops(page) == before
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("button:text-is('Log out')").bounding_box()["x"] < width - 40


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_portal_that_is_down_moves_nothing_and_covers_no_control(
    page: Any, a_call_is_open: Any, width: int, height: int
):
    a_call_is_open(f"Offline {width}", width, height)
    before = tops(page)[:3]
    page.context.set_offline(True)
    page.wait_for_selector("#notice .notice:has-text('The portal does not answer.')")
    assert tops(page)[:3] == before
    told = page.locator("#notice .notice").bounding_box()
    assert told["y"] + told["height"] <= page.locator("#filters").bounding_box()["y"]
    page.context.set_offline(False)
    page.wait_for_selector("#notice .notice", state="detached", timeout=20_000)
