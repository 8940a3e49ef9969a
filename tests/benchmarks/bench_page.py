"""How soon a supervisor's open page says that requests are held back, and that they are no longer.

    python -m tests.benchmarks.bench_page [--rounds 20]

A whole portal as processes, an administrator and a supervisor in headless Chromium. Measured is from the answer to the
administrator's act until the words stand on the supervisor's page (issue: within a second).
"""

import argparse
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from tests.support.portal import PortalProcess, start_portal

HELD = "#strip:has-text('Requests held back since')"


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    executable = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with (
        tempfile.TemporaryDirectory() as folder,
        start_portal(Path(folder)) as portal,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        admin, supervisor = (_logged_in(browser, portal, name) for name in ("admin", "supervisor"))
        held, released = zip(*(_round(portal, admin, supervisor) for _ in range(rounds)), strict=True)
        browser.close()
    print(
        "from an administrator's act to the words on a supervisor's open page; milliseconds, at most 1000 asked"
    )
    for title, times in (("held back", held), ("let through", released)):
        print(
            f"  {title:12s} median {statistics.median(times):5.0f}   longest {max(times):5.0f}   of {rounds}"
        )


def _round(portal: PortalProcess, admin: Any, supervisor: Any) -> tuple[float, float]:
    return (
        _after(portal, admin, "Yes, hold requests back", lambda: supervisor.wait_for_selector(HELD)),
        _after(
            portal,
            admin,
            "Yes, let requests through",
            lambda: supervisor.wait_for_selector(HELD, state="detached"),
        ),
    )


def _after(portal: PortalProcess, admin: Any, answer: str, wait: Any) -> float:
    admin.goto(f"{portal.url}/status/breaker/")
    if admin.locator("#reason").is_visible():
        admin.fill("#reason", "A measurement")
    with admin.expect_response(lambda response: response.request.method == "POST"):
        admin.click(f"button:has-text('{answer}')")
    start = time.perf_counter()
    wait()
    return (time.perf_counter() - start) * 1000


def _logged_in(browser: Any, portal: PortalProcess, name: str) -> Any:
    page = browser.new_context().new_page()
    page.goto(f"{portal.url}/login/")
    page.fill("input[name=username]", name)
    page.fill("input[name=password]", portal.password)
    page.click("main button")
    page.wait_for_url(lambda url: "/login/" not in url)
    page.goto(f"{portal.url}/" if name == "supervisor" else f"{portal.url}/status/")
    return page


if __name__ == "__main__":
    main()
