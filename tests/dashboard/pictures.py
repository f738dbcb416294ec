"""Makes the pictures of the dashboard, of a company that is not there: `python -m tests.dashboard.pictures`.

It needs what these tests need: Chromium, Playwright.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support import company
from tests.support.browsing import Shown

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
DESK: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "device_scale_factor": 2,
}  # fmt: skip
PICTURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("overview", "/", DESK),
    ("keys", "/keys", DESK),
    ("spend", "/spend", DESK),
    ("phone", "/teams", PHONE),
)


def main() -> None:
    """All of them."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        store = Store(f"sqlite:///{folder}/store.db")
        migrate(store)
        with Shown(store) as shown:
            shown.begun()
            company.work(store, company.settle_in(shown), 6000)
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for name, path, screen in PICTURES:
                picture(browser, shown, path, screen, IMAGES / f"dashboard-{name}.png")
            browser.close()
        store.close()


def picture(browser: Browser, shown: Shown, path: str, screen: dict[str, Any], file: Path) -> None:
    """One, of what is on the screen at first."""
    context = browser.new_context(base_url=shown.url, **screen)
    cookies = shown.session("admin").items()
    context.add_cookies([{"name": name, "value": value, "url": shown.url} for name, value in cookies])
    page = context.new_page()
    page.goto(f"/ui{path}")
    # A machine without fonts for Chinese draws boxes.
    page.evaluate("for (const one of document.querySelectorAll('button[lang=zh]')) one.remove()")
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    main()
