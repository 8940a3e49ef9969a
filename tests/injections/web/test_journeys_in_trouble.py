"""What people do when something is wrong: the platform failing, an answer lost, the QA system away."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.browsing import arm, faults, open_call
from tests.support.portal import PortalProcess, start_portal

pytestmark = [pytest.mark.browser, pytest.mark.service]


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    """A portal of these tests' own: its breaker is opened, and its QA system takes nothing."""
    folder = tmp_path_factory.mktemp("portal-in-trouble")
    nobody = "http://127.0.0.1:9/qa"
    with start_portal(folder, variables={"QA_WEBHOOK_URL": nobody}) as running:
        yield running


@pytest.fixture
def at_work(browser: Any, portal: PortalProcess) -> Iterator[Callable[..., Any]]:
    """Return a maker of people at browsers of their own: `at_work("compliance", color_scheme="dark")`."""
    contexts, errors = [], []

    def make(user: str, **options: Any) -> Any:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 800}, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.set_default_timeout(10_000)
        page.goto(f"{portal.url}/login/")
        page.fill("#id_username", user)
        page.fill("#id_password", portal.password)
        page.press("#id_password", "Enter")
        page.wait_for_selector("nav")
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def barge(page: Any, agent: str) -> None:
    arm(page, agent)
    page.click("#fire")
    page.wait_for_selector("#result")


def work_breaker(page: Any, answer: str) -> None:
    page.goto(page.url.partition("/status")[0].rstrip("/") + "/status/")
    page.click("#lines a[href='/status/breaker/']")
    if page.locator("#reason").is_visible():
        page.fill("#reason", "Maintenance at Genesys")
    page.click(f"button:text-is('{answer}')")
    page.wait_for_selector("#lines")


@pytest.fixture
def lost_answer(portal: PortalProcess, new_call: Any, at_work: Any) -> Iterator[str]:
    """Barge into a call whose answer gets lost and whose end is never reported; return the agent."""
    agent = f"Lost {time.monotonic_ns()}"
    portal.simulator.set_completions(withhold=True)
    portal.simulator.plant("accept_then_drop", method="POST", path="/interactions$")
    new_call(agent)
    page = at_work("supervisor")
    barge(page, agent)
    page.wait_for_selector("#result .tag:has-text('Unknown')")
    yield agent
    portal.simulator.set_completions()


def test_who_holds_requests_back_is_seen_on_an_open_page_and_a_barge_waits(
    portal: PortalProcess, at_work: Any, new_call: Any
):
    call = new_call("Held Hana")
    supervisor, admin = at_work("supervisor"), at_work("admin")
    open_call(supervisor, "Held Hana")
    work_breaker(admin, "Yes, hold requests back")
    supervisor.wait_for_selector("#strip:has-text('Requests held back since')")
    supervisor.wait_for_selector("#facts:has-text('A barge now waits')")
    supervisor.wait_for_selector("#calls-head:has-text('holds every request to Genesys Cloud back')")
    barge(supervisor, "Held Hana")
    assert "It waits: requests to Genesys Cloud are held back." in supervisor.locator("#result").inner_text()
    deadline = supervisor.locator("#result time").nth(1)
    first = seconds(deadline.inner_text())
    supervisor.wait_for_timeout(1300)
    assert seconds(deadline.inner_text()) < first
    work_breaker(admin, "Yes, let requests through")
    supervisor.wait_for_selector("#result .tag:has-text('Played')", timeout=20_000)
    supervisor.wait_for_selector("#strip:has-text('Simulator connected')")
    played = [one["conversationId"] for one in portal.simulator.interactions()]
    assert played.count(call["conversationId"]) == 1


def seconds(words: str) -> int:
    """Return the number in `in 14 s`."""
    return int(words.removeprefix("in ").removesuffix(" s"))


def test_an_officer_finds_a_lost_answer_by_its_banner_and_settles_it(lost_answer: str, at_work: Any):
    officer = at_work("compliance")
    officer.goto(officer.url.partition("/injections")[0] + "/clips/")
    officer.click("#doubts-link")
    officer.click(f"tr:has-text('{lost_answer}') a")
    officer.check("input[value=played]")
    officer.fill("#settle-reason", "Heard on the recording of the call.")
    officer.wait_for_timeout(5500)  # a poll of the result goes by
    assert officer.input_value("#settle-reason") == "Heard on the recording of the call."
    officer.click("button:text-is('Settle it')")
    officer.wait_for_selector("#settle:has-text('Settled by a person')")
    assert (
        "A compliance officer found that the recording was played." in officer.locator("#result").inner_text()
    )


def test_an_event_that_failed_is_sent_again(lost_answer: str, at_work: Any):
    admin = at_work("admin")
    admin.goto(admin.url.partition("/status")[0] + "/deliveries/?state=failed")
    admin.wait_for_selector(f"tr:has-text('{lost_answer}')")
    button = admin.locator(f"tr:has-text('{lost_answer}') button")
    number = button.get_attribute("id").removeprefix("resend-")
    button.click()
    admin.wait_for_selector(f"#results:has-text('Event {number} is sent again now.')")


def test_a_page_that_renews_itself_keeps_the_focus(at_work: Any):
    admin = at_work("admin")
    admin.goto(admin.url.partition("/status")[0] + "/status/")
    admin.focus("#lines a[href='/status/breaker/']")
    admin.evaluate("document.querySelector('#lines').dataset.mark = 'old'")
    admin.wait_for_selector("#lines:not([data-mark])")
    assert admin.evaluate("document.activeElement.getAttribute('href')") == "/status/breaker/"


def test_a_page_that_nobody_looks_at_asks_for_nothing(at_work: Any):
    page = at_work("supervisor")
    page.wait_for_timeout(1500)
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true})")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []


def test_doubts_breaker_and_deliveries_work_without_javascript(lost_answer: str, at_work: Any):
    officer = at_work("compliance", java_script_enabled=False)
    officer.click("#doubts-link")
    officer.click(f"tr:has-text('{lost_answer}') a")
    officer.check("input[value=not_played]")
    officer.fill("#settle-reason", "The agent says that nothing was heard.")
    officer.click("button:text-is('Settle it')")
    assert "Settled by a person" in officer.locator("#settle").inner_text()
    officer.click("nav >> text=Deliveries")
    officer.select_option("select[name=state]", "failed")
    officer.click("text=Show >> nth=0")
    officer.locator("button:text-is('Send again')").first.click()
    assert "is sent again now." in officer.locator("#results").inner_text()
    admin = at_work("admin", java_script_enabled=False)
    work_breaker(admin, "Yes, hold requests back")
    assert "Requests held back since" in admin.locator("#strip").inner_text()
    work_breaker(admin, "Yes, let requests through")
    assert "Requests held back since" not in admin.locator("#strip").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_fault_in_trouble(lost_answer: str, at_work: Any, portal: PortalProcess, scheme: str):
    officer, admin = at_work("compliance", color_scheme=scheme), at_work("admin", color_scheme=scheme)
    found = faults(officer)
    officer.goto(f"{portal.url}/injections/?status=attention")
    officer.click(f"tr:has-text('{lost_answer}') a")
    officer.wait_for_selector("#settle-form button")  # axe would judge a page that is half there
    found += faults(officer)
    officer.evaluate("document.querySelector('#settle form').noValidate = true")
    officer.click("button:text-is('Settle it')")
    officer.wait_for_selector("#settle .error")
    found += faults(officer)
    for path in ("/deliveries/", "/deliveries/?state=delivered", "/admin/", "/admin/audit/auditrecord/"):
        officer.goto(portal.url + path)
        found += faults(officer)
    admin.goto(f"{portal.url}/status/breaker/")
    found += faults(admin)
    work_breaker(admin, "Yes, hold requests back")
    found += faults(admin)
    supervisor = at_work("supervisor", color_scheme=scheme)
    supervisor.goto(f"{portal.url}/injections/")
    found += faults(supervisor)
    work_breaker(admin, "Yes, let requests through")
    assert found == []


def test_axe_finds_no_fault_in_what_waits(at_work: Any, new_call: Any, portal: PortalProcess):
    new_call("Waiting Wim")
    supervisor, admin = at_work("supervisor"), at_work("admin")
    supervisor.wait_for_selector(".open:text-is('Waiting Wim')")
    work_breaker(admin, "Yes, hold requests back")
    admin.goto(f"{portal.url}/status/breaker/")
    found = faults(admin)
    supervisor.wait_for_selector("#calls-head .notice")
    barge(supervisor, "Waiting Wim")
    found += faults(supervisor)
    supervisor.click("#cancel-injection")
    supervisor.wait_for_selector("#result .tag:has-text('Cancelled')")
    work_breaker(admin, "Yes, let requests through")
    assert found == []


def test_a_press_whose_answer_is_lost_is_resolved_by_itself_and_played_once(
    portal: PortalProcess, at_work: Any, new_call: Any
):
    call = new_call("Lou Lost")
    page = at_work("supervisor")
    arm(page, "Lou Lost")

    def lose(route: Any) -> None:
        route.fetch()
        route.abort()

    page.route("**/fire/", lose)
    page.click("#fire")
    page.wait_for_selector("#panel .notice:has-text('Your press arrived.')")
    page.wait_for_selector("#result .tag:has-text('Played')", timeout=20_000)
    played = [one["conversationId"] for one in portal.simulator.interactions()]
    assert played.count(call["conversationId"]) == 1


def test_a_press_that_never_arrived_is_said_to_have_played_nothing(at_work: Any, new_call: Any):
    new_call("Nora Never")
    page = at_work("supervisor")
    arm(page, "Nora Never")
    page.route("**/fire/", lambda route: route.abort())
    page.click("#fire")
    page.wait_for_selector("#fire-why:has-text('The answer to Barge now was lost.')")
    assert page.is_disabled("#fire")
    assert page.is_disabled("#disarm")
    page.wait_for_selector(
        "#panel .notice:has-text('did not arrive'):has-text('Nothing was played')", timeout=30_000
    )
    assert page.input_value("#reason") == "Notice was not given"


def test_what_is_on_its_way_is_not_called_safe(portal: PortalProcess, at_work: Any, new_call: Any):
    new_call("Ines Flight")
    page = at_work("supervisor")
    arm(page, "Ines Flight")
    portal.simulator.plant("delay", method="POST", path="/interactions$", delay_ms=1500)
    page.click("#fire")
    page.wait_for_selector(".is-sending #armed-word:text-is('Sending …')")
    assert page.is_hidden("#countdown")
    assert page.inner_text("#announce") == "Sending."
    page.wait_for_selector("#result")


def test_a_platform_that_answers_errors_turns_strip_board_and_checklist_to_caution(
    portal: PortalProcess, at_work: Any, new_call: Any
):
    new_call("Faye Failing")
    page = at_work("supervisor")
    open_call(page, "Faye Failing")
    portal.simulator.plant("status", path="^/api", times=None, status=503)
    why = "The platform is overloaded or under maintenance."
    try:
        page.wait_for_selector("#strip:has-text('Live calls are behind')", timeout=20_000)
        page.wait_for_selector(f"#calls-head:has-text('{why}')")
        page.wait_for_selector(f"#facts .is-caution:has-text('{why}')")
    finally:
        portal.simulator.clear_faults()
    page.wait_for_selector("#strip .health.go", timeout=20_000)


def test_a_portal_that_is_down_leaves_no_promise_on_the_page(at_work: Any, new_call: Any):
    new_call("Cora Cut")
    page = at_work("supervisor")
    open_call(page, "Cora Cut")
    page.context.set_offline(True)
    page.wait_for_selector("#strip .cut-off")
    assert page.is_hidden("#strip .health.go")
    assert page.is_visible("#facts .cut-off")
    assert page.inner_text("#why") == "Cannot be armed: the portal does not answer."
    page.context.set_offline(False)
    page.wait_for_selector("#strip .health.go")
    page.wait_for_selector("#facts .cut-off", state="hidden")


def test_one_long_word_hides_nothing_of_what_will_happen(at_work: Any, new_call: Any):
    agent = "W" * 70
    new_call(agent)
    page = at_work("supervisor")
    arm(page, agent)
    sides = page.evaluate(
        """() => ["#panel", "#agreed", ".board"].map((name) => {
            const part = document.querySelector(name);
            return part.scrollWidth <= part.clientWidth;
        })"""
    )
    assert sides == [True, True, True]
    edges = page.evaluate(
        """() => [document.querySelector(".board").getBoundingClientRect().right,
                  document.querySelector("#panel").getBoundingClientRect().left]"""
    )
    assert edges[0] <= edges[1]
