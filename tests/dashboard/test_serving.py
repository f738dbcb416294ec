"""`muxi-llm serve --dashboard` and `muxi-llm dashboard`: from a token on the screen to a model's first answer."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect

from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from tests.support.bodies import chat
from tests.support.postgres import PostgresServer
from tests.support.redis_server import free_port
from tests.support.serving import Serving
from tests.support.upstream import Respond, Upstream

CONFIG = """
server: {{drain_pause: 0s, prefix: {prefix}}}
providers:
  - {{name: house, base_url: "{url}", api_key: sk-provider-secret, models: [gpt-4o, o1]}}
auth: {{enabled: true}}
governance: {{spool: {folder}/spool}}
database: {{url: "{database}"}}
"""


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_three_steps_lead_from_the_token_to_an_answer(
    kind: str, tmp_path: Path, browser: Browser, request: pytest.FixtureRequest
) -> None:
    database = f"sqlite:///{tmp_path}/store.db"
    if kind == "postgres":
        database = request.getfixturevalue("postgres").database()
        migrated(database)
    with Upstream(lambda _: Respond(json=chat("hello"))) as upstream:
        file = tmp_path / "config.yaml"
        file.write_text(CONFIG.format(url=upstream.url, folder=tmp_path, database=database, prefix="/llm"))
        with Serving(file, "--dashboard") as served:
            root = f"{served.url}/ui/"
            assert f"the dashboard is at {root}" in "".join(served.said)
            token = re.search(r"or give the dashboard this token: (\S+)", "".join(served.said))
            assert token is not None
            context = browser.new_context(java_script_enabled=False)
            key = first_key(context.new_page(), root, token[1])
            asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
            url = root.replace("/ui/", "/v1/chat/completions")
            answer = httpx2.post(url, json=asked, headers={"authorization": f"Bearer {key}"}, timeout=60)
            assert answer.status_code == 200, answer.text
            looks_around(context.new_page(), root)
            context.close()  # cookies know no ports
            context = browser.new_context(java_script_enabled=False)
            elsewhere(context.new_page(), root.removesuffix("/ui/"), key)
            context.close()


def first_key(page: Page, url: str, token: str) -> str:
    """The three steps; the key that they end with."""
    page.goto(url)
    expect(page.get_by_role("heading", name="Nobody administers this gateway yet")).to_be_visible()
    page.get_by_label("Bootstrap token").fill("muxi-bootstrap-wrong")
    page.get_by_role("button", name="Make my key").click()
    expect(page.get_by_role("alert")).to_contain_text("bootstrap token")
    expect(page.get_by_label("Bootstrap token")).to_be_focused()
    expect(page.get_by_label("Bootstrap token")).to_have_value("muxi-bootstrap-wrong")
    page.get_by_label("Bootstrap token").fill(token)
    page.get_by_role("button", name="Make my key").click()
    assert page.locator("code.secret").inner_text().startswith("sk-")
    page.get_by_role("link", name="Make a program's key").click()
    page.get_by_label("Name").fill("program")
    page.get_by_label("Models").fill("gpt-*")
    page.get_by_role("button", name="Make it").click()
    assert f"curl {url.removesuffix('/ui/')}/v1/chat/completions" in page.locator("pre").inner_text()
    return page.locator("code.secret").inner_text()


def looks_around(page: Page, url: str) -> None:
    """The gateway at work: deployments are cooled down and released, its configuration is read again."""
    page.goto(f"{url}live")
    row = page.get_by_role("row").filter(has_text="house/o1")
    row.get_by_role("button", name="Cool down").click()
    expect(row).to_contain_text("an administrator's order")
    row.get_by_role("button", name="Release").click()
    expect(row).to_contain_text("ready")
    page.goto(f"{url}models")
    expect(page.get_by_role("row").filter(has_text="gpt-4o")).to_contain_text("house/gpt-4o")
    page.goto(f"{url}settings")
    expect(page.locator("pre")).to_contain_text("***")
    expect(page.locator("body")).not_to_contain_text("sk-provider-secret")
    page.get_by_role("button", name="Read it again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def elsewhere(page: Page, gateway: str, key: str) -> None:
    """The same pages, from a process of their own."""
    port = free_port()
    command = (sys.executable, "-m", "muxi_llm", "dashboard", "--gateway", gateway, "--port", str(port))
    with Elsewhere(Path(), command=command) as served:
        page.goto(f"{served.url}keys")
        page.get_by_label("Your key").fill(key)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("link", name="program")).to_be_visible()


class Elsewhere(Serving):
    """It says where it is in words of its own."""

    @property
    def url(self) -> str:
        found = re.search(r"dashboard of \S+ at (\S+)", "".join(self.said))
        return found[1] if found else ""

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}login").status_code == 200
        except httpx2.TransportError:
            return False


def migrated(url: str) -> None:
    store = Store(url)
    migrate(store)
    store.close()
