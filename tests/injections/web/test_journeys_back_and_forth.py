"""What people do besides the straight way: go back, close, load anew, come back after a log-in."""

import os
import wave
from pathlib import Path
from typing import Any

import pytest

from tests.support.browsing import arm, open_call
from tests.support.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.service]


def slowly(route: Any) -> None:
    """Answer late enough for a second click."""
    route.request.frame.page.wait_for_timeout(500)
    route.continue_()


def click_twice(page: Any, button: str) -> None:
    """Click as fast as a hand does, before the answer is there."""
    box = page.locator(f"button:text-is('{button}')").bounding_box()
    for pause_ms in (150, 0):
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_timeout(pause_ms)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A second of a quiet tone that nobody has uploaded yet."""
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        tone = b"".join((200 * (n % 40)).to_bytes(2, "little", signed=True) for n in range(8000))
        file.writeframes(tone + os.urandom(2000))  # the same sound is not taken twice
    return path


def log_in_again(page: Any, portal: PortalProcess, user: str) -> None:
    page.wait_for_url(f"{portal.url}/login/**")
    page.fill("#id_username", user)
    page.fill("#id_password", portal.password)
    page.press("#id_password", "Enter")
    page.wait_for_selector("nav")


def test_an_armed_page_that_is_loaded_anew_is_safe_and_keeps_what_was_chosen(
    page: Any, sign_in: Any, new_call: Any
):
    new_call("Reload Rhea")
    sign_in("supervisor")
    arm(page, "Reload Rhea")
    reason = page.locator("#panel .soft:has-text('Reason on record')").inner_text().partition(": ")[2]
    page.reload()
    page.wait_for_selector("#arm-button:not([disabled])")
    assert page.locator("#panel input[name=clip]").first.is_checked()
    assert page.input_value("#reason") == reason
    assert page.locator("#fire").count() == 0


def test_going_back_shows_the_call_before(page: Any, sign_in: Any, new_call: Any):
    new_call("Former Finn")
    new_call("Latter Lara")
    sign_in("supervisor")
    open_call(page, "Former Finn")
    open_call(page, "Latter Lara")
    page.wait_for_selector("#panel-title:has-text('Latter Lara')")
    page.go_back()
    page.wait_for_selector("#panel-title:has-text('Former Finn')")
    assert page.locator("#calls").is_visible()


def test_closing_a_call_keeps_the_filter_and_leads_back_to_its_row(page: Any, sign_in: Any, new_call: Any):
    call = new_call("Closing Cleo")
    sign_in("supervisor")
    open_call(page, "Closing Cleo")
    page.fill("#q", "cleo")
    page.locator("#calls-body tr").nth(1).wait_for(state="detached")
    page.click("[data-close]")
    page.wait_for_selector("#panel-title:has-text('Pick a call')", state="attached")
    assert page.input_value("#q") == "cleo"
    assert page.locator("#calls-body tr").count() == 1
    assert page.url.endswith(f"/?q=cleo#c-{call['conversationId']}")


def test_escape_in_a_field_does_not_throw_away_what_is_being_written(page: Any, sign_in: Any, new_call: Any):
    new_call("Typing Ty")
    sign_in("supervisor")
    open_call(page, "Typing Ty")
    page.fill("#reason", "Half a sen")
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert page.input_value("#reason") == "Half a sen"
    page.focus("#panel-title")
    page.keyboard.press("Escape")
    page.wait_for_selector("#reason", state="detached")


def test_a_form_that_is_sent_after_the_session_has_ended_comes_back_filled_in(
    portal: PortalProcess, page: Any, sign_in: Any, recording: Path
):
    sign_in("audioadmin")
    page.goto(f"{portal.url}/clips/upload/")
    page.set_input_files("#file", recording)
    page.fill("#title", "A title worth keeping")
    page.fill("#transcript", "What took long to write down.")
    page.context.clear_cookies(name="session")
    page.click("button:text-is('Upload')")
    log_in_again(page, portal, "audioadmin")
    assert page.url == f"{portal.url}/clips/upload/"
    assert page.input_value("#title") == "A title worth keeping"
    assert page.input_value("#transcript") == "What took long to write down."


def test_what_was_sent_and_taken_does_not_come_back(
    portal: PortalProcess, page: Any, sign_in: Any, recording: Path
):
    sign_in("audioadmin")
    page.goto(f"{portal.url}/clips/upload/")
    page.set_input_files("#file", recording)
    page.fill("#title", "Taken at once")
    page.fill("#transcript", "Said.")
    page.click("button:text-is('Upload')")
    page.wait_for_selector("h1:has-text('Taken at once')")
    page.goto(f"{portal.url}/clips/upload/")
    assert page.input_value("#title") == ""


def test_a_file_that_is_too_long_is_told_before_it_is_sent(
    portal: PortalProcess, page: Any, sign_in: Any, tmp_path: Path
):
    long = tmp_path / "long.wav"
    with long.open("wb") as file:
        file.truncate(25_000_001)
    sign_in("audioadmin")
    page.goto(f"{portal.url}/clips/upload/")
    page.set_input_files("#file", long)
    page.fill("#title", "Kept")
    page.fill("#transcript", "Said.")
    page.click("button:text-is('Upload')")
    page.wait_for_timeout(300)
    told = page.evaluate("document.getElementById('file').validationMessage")
    assert told == "This file is longer than 25 MB. Choose a shorter one."
    assert page.input_value("#title") == "Kept"


def test_a_double_click_is_one_decision(portal: PortalProcess, page: Any, sign_in: Any, recording: Path):
    sign_in("audioadmin")
    page.goto(f"{portal.url}/clips/upload/")
    page.set_input_files("#file", recording)
    page.fill("#title", "Clicked twice")
    page.fill("#transcript", "Said.")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    page.route("**/clips/upload/", slowly)
    click_twice(page, "Upload")
    page.wait_for_selector("h1:has-text('Clicked twice')")
    assert len(sent) == 1
    sent.clear()
    at = page.url
    page.context.clear_cookies()
    sign_in("approver")
    page.goto(at)
    page.route("**/approve/", slowly)
    click_twice(page, "Approve")
    page.wait_for_selector(".tag:has-text('Approved')")
    assert sent[-1].endswith("/approve/")
    assert sum(address.endswith("/approve/") for address in sent) == 1


def test_a_page_of_somebody_who_is_no_longer_logged_in_makes_way_at_once(
    portal: PortalProcess, page: Any, sign_in: Any
):
    sign_in("supervisor")
    other = page.context.new_page()
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url) if answer.status == 403 else None)
    other.goto(f"{portal.url}/login/")
    other.fill("#id_username", "compliance")
    other.fill("#id_password", portal.password)
    other.press("#id_password", "Enter")
    page.bring_to_front()
    page.wait_for_url(f"{portal.url}/injections/")
    page.wait_for_timeout(1500)
    assert len(asked) <= 2  # each is a record of the log


def test_a_part_that_renews_itself_says_nothing_twice(page: Any, sign_in: Any, new_call: Any):
    new_call("Quiet Quentin")
    sign_in("supervisor")
    open_call(page, "Quiet Quentin")
    page.wait_for_selector("#announce:has-text('May be barged.')", state="attached")
    page.keyboard.press("1")
    said = page.locator("#announce").inner_text()
    for _ in range(2):
        page.evaluate("document.getElementById('facts').dataset.mark = 'old'")
        page.wait_for_selector("#facts:not([data-mark])")
    assert page.locator("#announce").inner_text() == said != "May be barged."


def test_the_focus_stays_where_the_pressed_button_was(page: Any, sign_in: Any, new_call: Any, portal: Any):
    new_call("Waiting Wanda")
    sign_in("admin")
    page.goto(f"{portal.url}/status/breaker/")
    page.fill("#reason", "Maintenance at Genesys")
    page.click("button:text-is('Yes, hold requests back')")
    page.context.clear_cookies()
    sign_in("supervisor")
    arm(page, "Waiting Wanda")
    page.click("#fire")
    page.dblclick("#cancel-injection")
    page.wait_for_selector("#result .what:focus")
    assert page.locator("#notice").inner_text() == ""
    assert "cancelled" in page.evaluate("document.activeElement.textContent")
    page.context.clear_cookies()
    sign_in("admin")
    page.goto(f"{portal.url}/status/breaker/")
    page.click("button:text-is('Yes, let requests through')")


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (820, 1180)])
def test_no_row_with_the_focus_is_hidden_behind_what_sticks(
    page: Any, sign_in: Any, new_call: Any, width: int, height: int
):
    agent = f"Focused {width}"
    new_call(agent)
    page.set_viewport_size({"width": width, "height": height})
    sign_in("supervisor")
    open_call(page, agent)
    rows = page.locator(".calls .open").count()
    page.locator(".calls .open").first.focus()
    for key, times in (("ArrowDown", rows - 1), ("ArrowUp", rows - 2)):
        for _ in range(times):
            page.keyboard.press(key)
            assert page.evaluate(
                """() => {
                    const box = document.activeElement.getBoundingClientRect();
                    const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
                    return document.activeElement.closest("tr").contains(top);
                }"""
            )
