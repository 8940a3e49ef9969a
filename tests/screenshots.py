"""`make screenshots`: the pictures of the README, taken from a running portal."""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.support.portal import PASSWORD, ROOT, start_portal

PICTURES = ROOT / "docs" / "pictures"


def main() -> None:
    """Start a portal, log in, and take them."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    executable = shutil.which("chromium") or shutil.which("chromium-browser")
    with (
        tempfile.TemporaryDirectory() as folder,
        start_portal(Path(folder)) as portal,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            page = browser.new_context(
                viewport={"width": 1440, "height": 900}, color_scheme=scheme
            ).new_page()
            page.goto(f"{portal.url}/login/")
            page.locator("[name=username]").fill("supervisor")
            page.locator("[name=password]").fill(PASSWORD)
            page.get_by_role("button", name="Log in").click()
            page.locator("tr", has_text="Yes").locator("a.open").first.click()
            page.locator("#panel input[name=clip]").first.check()
            page.locator("#reason").fill("Recording notice was not given")
            page.locator("#arm-button:enabled").wait_for()
            _picture(page, "live-calls" if scheme == "light" else "live-calls-dark")
        browser.close()


def _picture(page: Page, name: str) -> None:
    page.wait_for_timeout(1500)  # an open page never stops asking
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
