"""What the tests in a browser do again and again."""

from pathlib import Path
from typing import Any

AXE = Path(__file__).parent / "axe" / "axe.min.js"


def open_call(page: Any, agent: str) -> None:
    page.locator(f".open:text-is('{agent}')").click()
    page.wait_for_selector("#arm-button")


def arm(page: Any, agent: str) -> None:
    open_call(page, agent)
    page.locator("#panel input[name=clip]").first.check()
    page.fill("#reason", "Notice was not given")
    page.click("#arm-button")
    page.wait_for_selector("#fire:focus")
    page.wait_for_timeout(450)  # the guard against a second press


def faults(page: Any) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        """async () => (await axe.run(document)).violations.map(
            (fault) => `${fault.id}: ${fault.nodes.map((node) => node.html).join(" ").slice(0, 300)}`)"""
    )
    return [f"{page.url} {fault}" for fault in found]
