"""What a person sees and hears when something changes under their hands: the call, the time, the session."""

from typing import Any

import pytest

from tests.support.browsing import faults, open_call
from tests.support.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.service]


def choose(page: Any, reason: str = "Notice was not given") -> None:
    page.locator("#panel input[name=clip]").nth(1).check()
    page.fill("#reason", reason)


def arm(page: Any, agent: str) -> None:
    open_call(page, agent)
    choose(page)
    page.click("#arm-button")
    page.wait_for_selector("#fire:focus")


def test_nothing_can_be_armed_before_recording_and_reason_are_chosen(page: Any, sign_in: Any, new_call: Any):
    new_call("Empty Eve")
    sign_in("supervisor")
    open_call(page, "Empty Eve")
    assert page.locator("#arm-button").is_disabled()
    assert page.locator("#why").inner_text() == "To arm, choose a recording and give a reason."
    page.locator("#panel input[name=clip]").first.check()
    assert page.locator("#why").inner_text() == "To arm, give a reason."
    page.fill("#reason", "Notice was not given")
    assert page.locator("#arm-button").is_enabled()
    assert page.locator("#why").is_hidden()


def test_a_call_that_changes_while_armed_switches_the_barge_off_and_offers_to_look_again(
    portal: PortalProcess, page: Any, sign_in: Any, new_call: Any
):
    call = new_call("Turning Tess")
    sign_in("supervisor")
    arm(page, "Turning Tess")
    portal.simulator.patch_call(call["conversationId"], consent="false")
    page.wait_for_selector("#fire:disabled", timeout=8000)
    assert "The call has changed since you armed" in page.locator("#fire-why").inner_text()
    assert "The call has changed since you armed" in page.locator("#announce").inner_text()
    assert page.evaluate("document.activeElement.id") == "disarm"
    assert "Look again" in page.locator("#disarm").inner_text()
    assert faults(page) == []
    page.keyboard.press("Enter")
    page.wait_for_selector("#arm-button:disabled")
    assert page.locator("#why").inner_text().startswith("Cannot be armed: ")
    page.wait_for_selector("#panel-title:focus")


def test_an_armed_barge_whose_time_runs_out_says_so_and_leads_back_to_arm(
    page: Any, sign_in: Any, new_call: Any
):
    new_call("Slow Sue")
    page.clock.install()
    sign_in("supervisor")
    arm(page, "Slow Sue")
    page.clock.fast_forward(16_000)
    page.wait_for_selector("#arm-button:focus")
    told = "Safe again: the armed time ran out. Nothing was played."
    assert told in page.locator("#announce").inner_text()
    assert page.locator("#panel .notice").inner_text().startswith("Safe again")


def test_a_cancelled_barge_leads_back_to_arm(page: Any, sign_in: Any, new_call: Any):
    new_call("Mind Changer")
    sign_in("supervisor")
    arm(page, "Mind Changer")
    page.keyboard.press("Escape")
    page.wait_for_selector("#arm-button:focus")
    assert "Cancelled. Nothing was played." in page.locator("#announce").inner_text()


def test_opening_a_call_moves_the_focus_to_its_heading(page: Any, sign_in: Any, new_call: Any):
    new_call("Heading Hal")
    sign_in("supervisor")
    page.locator(".open:text-is('Heading Hal')").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel-title:focus")
    assert "Heading Hal" in page.evaluate("document.activeElement.textContent")


def test_a_link_leads_from_the_filters_past_the_board_to_the_panel(page: Any, sign_in: Any, new_call: Any):
    new_call("Skipping Sky")
    sign_in("supervisor")
    open_call(page, "Skipping Sky")
    page.focus("#filters [name=sort]")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the panel"
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel-title:focus")


def test_a_session_that_ends_while_somebody_writes_loses_nothing(
    portal: PortalProcess, page: Any, sign_in: Any, new_call: Any
):
    call = new_call("Keeping Kim")
    sign_in("supervisor")
    open_call(page, "Keeping Kim")
    choose(page, "A reason that took a while to write")
    page.uncheck("[name=agent_mute]")
    page.context.clear_cookies()
    page.wait_for_url(f"{portal.url}/login/**", timeout=8000)
    assert "Your session has ended, log in again." in page.locator(".notice").inner_text()
    page.fill("#id_username", "supervisor")
    page.fill("#id_password", portal.password)
    page.press("#id_password", "Enter")
    page.wait_for_url(f"{portal.url}/calls/{call['conversationId']}/**")
    assert page.input_value("#reason") == "A reason that took a while to write"
    assert page.locator("#panel input[name=clip]").nth(1).is_checked()
    assert not page.is_checked("[name=agent_mute]")
    assert "What you had written is back." in page.locator("#notice").inner_text()


def test_what_somebody_else_wrote_is_not_shown_to_the_next_person(
    portal: PortalProcess, page: Any, sign_in: Any
):
    sign_in("audioadmin")
    page.goto(f"{portal.url}/clips/upload/")
    page.evaluate(
        """sessionStorage.setItem("draft", JSON.stringify(
            {path: "/clips/upload/", form: "upload", who: "somebody", values: {title: "Private"}}))"""
    )
    page.context.clear_cookies()
    page.goto(f"{portal.url}/clips/upload/")
    page.fill("#id_username", "audioadmin")
    page.fill("#id_password", portal.password)
    page.press("#id_password", "Enter")
    page.wait_for_selector("#title")
    assert page.input_value("#title") == ""


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1440, 900), (1024, 768), (820, 1180)])
def test_all_that_has_to_be_chosen_is_in_sight(
    page: Any, sign_in: Any, new_call: Any, width: int, height: int
):
    agent = f"Sight {width}"
    new_call(agent)
    page.set_viewport_size({"width": width, "height": height})
    sign_in("supervisor")
    open_call(page, agent)
    page.wait_for_timeout(300)
    act = page.locator(".act").bounding_box()
    for part in ("#panel .clip >> nth=-1", "[name=caller_mute]", "[name=normalize_level]", "#reason"):
        box = page.locator(part).bounding_box()
        assert box["y"] + box["height"] <= act["y"] + 1, part
    assert act["y"] + act["height"] <= height


@pytest.mark.parametrize("width", [1280, 1024, 820])
def test_no_row_of_the_board_breaks_over_lines(page: Any, sign_in: Any, new_call: Any, width: int):
    agent = f"Katarzyna Lind {width}"
    new_call(agent, consent="missing")
    page.set_viewport_size({"width": width, "height": 900})
    sign_in("supervisor")
    open_call(page, agent)
    row = page.locator(".calls tr", has_text=agent)
    assert row.bounding_box()["height"] <= 54
    assert row.locator(".c-state .tag").is_visible()
