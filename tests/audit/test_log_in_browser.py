"""The log as an auditor sees it: in both themes, on a wide screen and on a tablet."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.browsing import faults
from tests.support.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.service]
LIST = "/admin/audit/auditrecord/"
_TOO_SMALL = """() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility() &&
    [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) &&
    parseFloat(getComputedStyle(one).fontSize) < 14).map((one) => one.outerHTML.slice(0, 100))"""
_CUT_OFF = """() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility() &&
    !one.classList.contains("sr") && !one.closest("pre, thead, select") &&
    one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 100))"""


@pytest.fixture
def officer(browser: Any, portal: PortalProcess, request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return a compliance officer's page, of the width and theme of `request.param`."""
    width, scheme = request.param
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.goto(f"{portal.url}/login/")
    page.fill("#id_username", "compliance")
    page.fill("#id_password", portal.password)
    page.press("#id_password", "Enter")
    page.wait_for_selector("nav")
    yield page
    context.close()


@pytest.mark.parametrize(
    "officer", [(1440, "light"), (1280, "dark"), (820, "light"), (400, "dark")], indirect=True, ids=str
)
def test_nothing_in_the_log_is_small_cut_off_or_against_the_rules_of_axe(officer: Any, portal: PortalProcess):
    for address in (
        "/admin/",
        LIST,
        f"{LIST}?q=recording&outcome=done",
        f"{LIST}?since=never",
        f"{LIST}?q=zzz-no",
    ):
        officer.goto(f"{portal.url}{address}")
        assert (address, _look(officer)) == (address, [])
    officer.goto(f"{portal.url}{LIST}?action=clip.approved")
    officer.locator("#result_list tbody th a").first.click()
    officer.wait_for_selector(".questions")
    officer.locator("summary").click()
    assert _look(officer) == []
    officer.goto(f"{portal.url}{LIST}notauuid/change/")
    assert _look(officer) == []


def _look(page: Any) -> list[str]:
    """Return what is wrong with the page."""
    return [*faults(page), *page.evaluate(_TOO_SMALL), *page.evaluate(_CUT_OFF)]


@pytest.mark.parametrize("officer", [(1440, "light")], indirect=True, ids=str)
def test_every_outcome_has_its_hue(officer: Any, portal: PortalProcess):
    officer.goto(f"{portal.url}/clips/upload/")  # a compliance officer may not
    officer.goto(f"{portal.url}{LIST}?action=access.refused")
    refused = officer.locator("#result_list .tag.stop").first
    assert refused.inner_text().split() == ["✕", "Refused"]
    officer.goto(f"{portal.url}{LIST}?action=clip.approved")
    done = officer.locator("#result_list .tag.go").first
    assert done.inner_text().split() == ["✓", "Done"]


@pytest.mark.parametrize("officer", [(820, "light")], indirect=True, ids=str)
def test_on_a_tablet_each_record_is_a_card_with_everything_in_it(officer: Any, portal: PortalProcess):
    officer.goto(f"{portal.url}{LIST}?action=clip.approved")
    card = officer.locator("#result_list tbody tr").first
    text = card.inner_text()
    for shown in ("Amara Novak", "approved the recording", "clip.approved", "Done", "UTC"):
        assert shown in text
    what, when = (card.locator(one).bounding_box() for one in (".c-what", ".c-time"))
    assert when["y"] >= what["y"] + what["height"]
    assert officer.get_by_role("row").count() > 1  # still a table to a screen reader
