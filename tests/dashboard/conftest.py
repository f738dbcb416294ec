"""One gateway's management with its dashboard, a company in it, and one browser, for all tests of pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.control import Control
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.state import State
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support import company
from tests.support.browsing import Shown

REFUSED = "Failed to load resource: the server responded with a status of 4"
"""What a browser says of a form that has something wrong."""

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture(scope="session")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('dashboard')}/store.db")
    migrate(store)
    file = tmp_path_factory.mktemp("gateway") / "config.yaml"
    file.write_text(company.CONFIG)
    control = Control(Gateway(State(replace(files.read(file)[0], source=str(file)))))
    with Shown(store, gateway=control) as shown:
        shown.peopled()
        company.work(store, company.settle_in(shown), 400)
        yield shown
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """For no longer than a module: Playwright keeps an event loop running in this thread, and no other test
    could begin its own.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visited(browser: Browser, shown: Shown) -> Iterator[Callable[..., Page]]:
    """Opens a window in which somebody is logged in; nothing may be said on its console."""
    contexts, said = [], []

    def another(by: str = "admin", **options: object) -> Page:
        context = browser.new_context(base_url=shown.url, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if REFUSED not in message.text else None)
        if by:
            context.add_cookies([{"name": name, "value": value, "url": shown.url}
                                 for name, value in shown.session(by).items()])  # fmt: skip
        return page

    yield another
    for context in contexts:
        context.close()
    assert said == []
