"""What a person does in a browser, against the whole portal: keyboard, no JavaScript, screen reader rules."""

import re
from typing import Any

import pytest

from tests.injections.web.conftest import CARDS
from tests.support.browsing import faults, open_call
from tests.support.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.service]


def test_a_barge_by_keyboard_alone_is_played_once_and_found_in_the_log(
    portal: PortalProcess, page: Any, sign_in: Any, new_call: Any
):
    call = new_call("Keyboard Kay")
    sign_in("supervisor")
    page.wait_for_selector(".open:text-is('Keyboard Kay')")
    page.keyboard.press("/")
    page.keyboard.type("kay")
    page.locator("#calls-body tr").nth(1).wait_for(state="detached")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel-title:focus")
    page.keyboard.press("1")
    page.focus("#reason")
    page.keyboard.type("Notice was not given")
    page.keyboard.press("Enter")
    page.wait_for_selector("#fire:focus")
    page.wait_for_timeout(500)  # the guard against a second press
    page.keyboard.press("Enter")
    page.wait_for_selector("#result .tag:has-text('Played')", timeout=20_000)
    assert [one["conversationId"] for one in portal.simulator.interactions()].count(
        call["conversationId"]
    ) == 1
    interaction = page.locator("#result dd.mono").first.inner_text()

    page.context.clear_cookies()
    sign_in("compliance")
    page.goto(f"{portal.url}/admin/audit/auditrecord/?q={call['conversationId']}")
    assert "Keyboard Kay" in page.locator("#result_list").inner_text()
    page.goto(f"{portal.url}/injections/?q=Keyboard")
    page.locator(".list tbody a").first.click()
    assert interaction in page.locator("#result").inner_text()


def test_a_held_enter_key_arms_but_does_not_fire(
    portal: PortalProcess, page: Any, sign_in: Any, new_call: Any
):
    call = new_call("Heavy Hand")
    sign_in("supervisor")
    open_call(page, "Heavy Hand")
    page.locator("#panel input[name=clip]").first.check()
    page.fill("#reason", "Notice was not given")
    page.focus("#arm-button")
    for _ in range(30):
        page.keyboard.down("Enter")  # a key that is held repeats
        page.wait_for_timeout(30)
    page.keyboard.up("Enter")
    assert page.locator("#fire").is_visible()
    sent = [one["conversationId"] for one in portal.simulator.interactions()]
    assert call["conversationId"] not in sent


def test_escape_makes_an_armed_barge_safe_and_keeps_what_was_written(page: Any, sign_in: Any, new_call: Any):
    new_call("Safe Sam")
    sign_in("supervisor")
    open_call(page, "Safe Sam")
    page.locator("#panel input[name=clip]").nth(1).check()
    page.fill("#reason", "A long explanation")
    page.click("#arm-button")
    page.wait_for_selector("#fire")
    page.keyboard.press("Escape")
    page.wait_for_selector("#arm-button")
    assert page.input_value("#reason") == "A long explanation"
    assert page.locator("#panel input[name=clip]").nth(1).is_checked()


def test_a_call_without_consent_says_why_and_cannot_be_armed(page: Any, sign_in: Any, new_call: Any):
    new_call("No Nora", consent="missing")
    sign_in("supervisor")
    open_call(page, "No Nora")
    assert page.locator("#why").inner_text() == "Cannot be armed: No consent on record."
    assert page.locator("#arm-button").is_disabled()


def test_an_open_panel_follows_the_call(portal: PortalProcess, page: Any, sign_in: Any, new_call: Any):
    call = new_call("Changing Chi")
    sign_in("supervisor")
    open_call(page, "Changing Chi")
    page.locator("#panel input[name=clip]").first.check()
    page.fill("#reason", "Being written")
    page.wait_for_selector("#arm-button:enabled")
    portal.simulator.patch_call(call["conversationId"], held=True)
    page.wait_for_selector("#arm-button:disabled", timeout=8000)
    assert page.locator("#why").inner_text() == "Cannot be armed: The caller is on hold."
    assert page.input_value("#reason") == "Being written"


def test_a_poll_keeps_focus_and_place(portal: PortalProcess, page: Any, sign_in: Any, new_call: Any):
    call = new_call("Focus Fay")
    sign_in("supervisor")
    row = page.locator(f"#c-{call['conversationId']}")
    row.locator(".open").focus()
    before = page.evaluate("scrollY")
    portal.simulator.patch_call(call["conversationId"], held=True)
    row.locator("text=On hold").first.wait_for(timeout=8000)
    assert page.evaluate("document.activeElement.textContent") == "Focus Fay"
    assert page.evaluate("scrollY") == before


def test_a_change_is_on_the_board_within_two_seconds(
    portal: PortalProcess, page: Any, sign_in: Any, new_call: Any
):
    call = new_call("Quick Quinn")
    sign_in("supervisor")
    page.wait_for_selector(".open:text-is('Quick Quinn')")
    portal.simulator.patch_call(call["conversationId"], held=True)
    # Asked each second; the other one is for a busy machine.
    page.locator(f"#c-{call['conversationId']} >> text=On hold").first.wait_for(timeout=2000)


def test_a_session_that_ended_leads_to_the_login(page: Any, sign_in: Any, portal: PortalProcess):
    sign_in("supervisor")
    page.context.clear_cookies()
    page.wait_for_url(f"{portal.url}/login/?next=%2F&ended=1", timeout=8000)


def test_shortcuts_of_one_key_can_be_switched_off(page: Any, sign_in: Any):
    sign_in("supervisor")
    page.click("[data-shortcuts]")
    page.locator("h1").click()
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") != "q"


def test_everything_works_without_javascript(
    browser: Any, portal: PortalProcess, new_call: Any, page: Any, sign_in: Any
):
    call = new_call("Plain Pat")
    sign_in("supervisor")
    page.wait_for_selector(".open:text-is('Plain Pat')")  # the watcher has seen it
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.set_default_timeout(10_000)
    plain.goto(f"{portal.url}/?q=plain")
    plain.fill("#id_username", "supervisor")
    plain.fill("#id_password", portal.password)
    plain.click("text=Log in >> nth=-1")
    plain.click(".open:text-is('Plain Pat')")
    plain.locator("input[name=clip]").first.check()
    plain.fill("#reason", "Notice was not given")
    plain.click("#arm-button")
    assert "safe again at" in plain.locator("#countdown").inner_text()
    plain.click("#fire")
    assert re.search("Accepted|Played", plain.locator("#result").inner_text())
    assert call["conversationId"] in [one["conversationId"] for one in portal.simulator.interactions()]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_on_the_way_of_a_barge(
    page: Any, sign_in: Any, new_call: Any, portal: PortalProcess, scheme: str
):
    new_call(f"Axe {scheme}")
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{portal.url}/login/")
    found = faults(page)
    sign_in("supervisor")
    found += faults(page)
    open_call(page, f"Axe {scheme}")
    found += faults(page)
    page.locator("#panel input[name=clip]").first.check()
    page.fill("#reason", "Notice was not given")
    page.click("#arm-button")
    page.wait_for_selector("#fire")
    found += faults(page)
    page.wait_for_timeout(500)
    page.click("#fire")
    page.wait_for_selector("#result")
    found += faults(page)
    for path in ("/injections/", "/clips/", "/status/", "/clips/upload/", "/nowhere/", "/?q=nobody"):
        page.goto(portal.url + path)
        found += faults(page)
    assert found == []


@pytest.mark.parametrize(
    ("user", "paths"),
    [
        ("compliance", ("/injections/", "/admin/", "/admin/audit/auditrecord/")),
        ("audioadmin", ("/clips/", "/clips/upload/")),
        ("admin", ("/status/", "/admin/")),
        ("admin", ("/admin/auth/user/", "/admin/auth/user/add/", "/admin/auth/user/1/change/")),
        (
            "admin",
            (
                "/admin/injections/queue/",
                "/admin/injections/queue/add/",
                f"/admin/injections/queue/{CARDS}/change/",
            ),
        ),
    ],
)
def test_axe_finds_no_fault_on_the_pages_of_other_roles(
    page: Any, sign_in: Any, portal: PortalProcess, user: str, paths: tuple[str, ...]
):
    sign_in(user)
    found = []
    for path in paths:
        page.goto(portal.url + path)
        found += faults(page)
    assert found == []


def test_no_page_breaks_its_own_content_security_policy(
    page: Any, sign_in: Any, portal: PortalProcess, new_call: Any
):
    refusals: list[str] = []
    page.on(
        "console",
        lambda message: refusals.append(message.text) if "Content Security Policy" in message.text else None,
    )
    new_call("Strict Stu")
    sign_in("supervisor")
    open_call(page, "Strict Stu")
    page.locator("[data-play]").first.click()
    page.goto(f"{portal.url}/clips/")
    page.locator(".list tbody a").first.click()
    page.wait_for_selector("audio")
    assert refusals == []
