"""Pages to try things on, in a real browser: a governed gateway with presets and its dashboard, and a provider."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx2
import pytest
from playwright.sync_api import expect

from muxi_llm.commands.governed.composed import Governed
from muxi_llm.commands.governed.prepared import prepare
from muxi_llm.dashboard.app import Dashboard
from muxi_llm.dashboard.relaying import Models
from muxi_llm.gateway.settings import files
from tests.support.bodies import chat, chat_stream, chunk, sse
from tests.support.browsing import beside, faults_of
from tests.support.gateway import Served
from tests.support.presets import publish, source
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, Page

    Visited = Callable[..., Page]

ROOT = "root-secret-0123456789"
VERA = "vera-secret-0123456789"
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
SLOW = "take your time"


def answer(received: Received) -> Respond:
    """Streams what is to be streamed; never comes to an end where it is told to take its time."""
    if not received.json.get("stream"):
        return Respond(json=chat("Bonjour, *hello* <b>hi</b>"))
    used = {"usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}}
    said = chat_stream("Bonjour, ", "*hello* ", "<b>hi</b>", done=False)
    pieces: list[bytes | float] = [*said, *sse(chunk(**used))]
    return Respond(chunks=[*pieces[:3], 600.0] if SLOW in received.body.decode() else pieces)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with Upstream(answer) as upstream:
        yield upstream


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("trying")
    publish(folder / "llm", "r1", {"chat/fast": source("gpt-5-mini"), "chat/old": source("gpt-4o")})
    (folder / "llm/source/chat/old.mda").unlink()
    publish(folder / "llm", "r2", {"chat/fast": source("gpt-5-nano"), "chat/new": source("gpt-5")})
    config = {
        "providers": [
            {"name": "openai", "base_url": upstream.url, "api_key": "k", "models": [{"name": "fast", "preset": "chat/fast"}, "gpt-4o"]},
            {"name": "spare", "base_url": upstream.url, "api_key": "k", "models": ["gpt-4o"]},
        ],
        "presets": {"dir": str(folder / "llm")},
        "database": {"url": f"sqlite:///{folder}/store.db"},
        "governance": {
            "spool": str(folder / "spool"),
            "default_price": {"input": 1, "output": 1},
            "users": [
                {"user_id": "root", "user_role": "proxy_admin"},
                {"user_id": "vera", "user_role": "proxy_admin_viewer"},
            ],
            "keys": [
                {"token_id": "root", "key": ROOT, "user_id": "root"},
                {"token_id": "vera", "key": VERA, "user_id": "vera"},
            ],
        },
    }  # fmt: skip
    file = folder / "gateway.yaml"
    file.write_text(json.dumps(config))
    settings = files.read(file)[0]
    prepare(settings, lambda _: None, "http://127.0.0.1:8080")
    with Served(settings, Governed(settings), around=beside) as served:
        yield served


@pytest.fixture
def visited(browser: Browser, served: Served) -> Iterator[Visited]:
    """Opens a window in which somebody is logged in; nothing may be said on its console."""
    contexts, said = [], []

    def another(key: str = ROOT, **options: Any) -> Page:
        context = browser.new_context(base_url=served.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        reply = context.request.post("/auth/login", data={"key": key})
        assert reply.ok, reply.text()
        return page

    yield another
    for context in contexts:
        context.close()
    assert [text for text in said if "status of 4" not in text] == []


PATHS = (
    "/playground",
    "/explain",
    "/clients",
    "/presets",
    "/presets?before=r1&after=r2",
    "/presets?activate=r1",
)


@pytest.mark.parametrize("screen", [{}, PHONE], ids=["desk", "phone in the dark"])
def test_every_page_can_be_used_by_everybody(screen: dict[str, Any], visited: Visited) -> None:
    page = visited(**screen)
    assert faults_of(page, PATHS) == {}


def test_a_model_answers_as_it_speaks(visited: Visited, upstream: Upstream) -> None:
    page = visited()
    page.goto("/ui/playground?model=fast")
    page.get_by_role("button", name="Make a key for an hour").click()
    key = page.get_by_label("Key").input_value()
    assert key.startswith("sk-")
    page.get_by_label("Message").fill('it\'s "me" & $HOME')
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Bonjour, *hello* <b>hi</b>")
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    told = page.locator("#told")
    expect(told).to_contain_text("openai/gpt-5-nano")
    expect(told).to_contain_text("chat/fast@r2")
    expect(told).to_contain_text("5 + 7")
    assert upstream.requests[-1].json["stream"]
    expect(page.locator("#code")).to_contain_text("it's")  # the code follows what is asked
    told.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ledger")


def test_who_has_enough_stops_it_and_the_provider_is_left(visited: Visited, upstream: Upstream) -> None:
    page = visited()
    page.goto("/ui/playground?model=gpt-4o")
    page.get_by_label("Key").fill(ROOT)
    page.get_by_label("Message").fill(SLOW)
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#answer")).to_contain_text("Bonjour")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")
    assert page.locator("#wrong").is_hidden()
    assert upstream.closed_early.wait(30)


def test_without_scripts_the_answer_comes_whole_with_its_cost(visited: Visited, served: Served) -> None:
    page = visited(java_script_enabled=False, **PHONE)
    page.goto("/ui/playground?model=gpt-4o")
    page.get_by_role("button", name="Make a key for an hour").click()
    first = page.get_by_label("Key").input_value()
    page.get_by_role("button", name="Make a key for an hour").click()
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.locator("#answer")).to_have_text("Bonjour, *hello* <b>hi</b>")
    expect(page.locator("#told")).to_contain_text("Cost, USD")
    head = {"authorization": f"Bearer {ROOT}"}
    found = httpx2.get(f"{served.url}/key/list?search=playground", headers=head).json()["data"]
    assert len(found) == 1  # one takes the other's place
    gone = httpx2.get(f"{served.url}/user/me", headers={"authorization": f"Bearer {first}"})
    assert gone.status_code == 401


@pytest.mark.parametrize("scripted", [True, False])
def test_what_the_gateway_refuses_is_told_on_the_page(scripted: bool, visited: Visited) -> None:
    page = visited(java_script_enabled=scripted)
    page.goto("/ui/playground?model=gpt-4o")
    page.get_by_label("Key").fill("sk-muxi-nobody")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("Key").fill("sk-\N{SNOWMAN}")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Paste a key")
    page.get_by_label("Key").fill(ROOT)
    page.get_by_label("Model", exact=True).fill("no-such-model")
    page.get_by_role("button", name="Ask", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("no-such-model")


def test_a_request_is_explained(visited: Visited, served: Served) -> None:
    page = visited(java_script_enabled=False)
    page.goto("/ui/explain")
    page.get_by_label("body").fill('{"model": "gpt-4o"')
    page.get_by_role("button", name="Explain it").click()
    expect(page.get_by_role("alert")).to_contain_text("no JSON")
    head = {"authorization": f"Bearer {ROOT}"}
    cool = {"deployment_id": "openai/gpt-4o", "cooldown_seconds": 60}
    httpx2.post(f"{served.url}/control/deployments/cooldown", json=cool, headers=head)
    page.get_by_label("body").fill('{"model": "gpt-4o", "messages": [], "self": 1, "path": 2}')
    page.get_by_role("button", name="Explain it").click()
    expect(page.locator("ol.ranks li")).to_have_count(1)
    expect(page.locator("ol.ranks")).to_contain_text("spare/gpt-4o")
    expect(page.locator("main table")).to_contain_text("openai/gpt-4o")
    httpx2.post(
        f"{served.url}/control/deployments/release", json={"deployment_id": "openai/gpt-4o"}, headers=head
    )
    page.get_by_label("body").fill('{"model": "fast"}')
    page.get_by_role("button", name="Explain it").click()
    expect(page.locator("dl.figures")).to_contain_text("chat/fast")


def test_settings_are_ready_to_paste_and_run(visited: Visited, served: Served, upstream: Upstream) -> None:
    page = visited()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/ui/clients?model=gpt-4o")
    expect(page.locator("main")).to_contain_text(f'ANTHROPIC_BASE_URL="{served.url}"')
    expect(page.locator("main")).to_contain_text('model = "gpt-4o"')
    block = page.locator(".copied").filter(has_text="OPENAI_BASE_URL")
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("button")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == block.locator("pre").inner_text()
    page.goto('/ui/clients?model="x"')
    expect(page.get_by_role("alert")).to_contain_text("quotes")
    page.goto("/ui/playground?model=gpt-4o&message=it's%20%22me%22%20%26%20%24HOME")
    python, curl = page.locator("#code pre").all_inner_texts()
    for command in ([sys.executable, "-c", python], ["sh", "-c", curl]):
        done = subprocess.run(command, env={"GATEWAY_TOKEN": ROOT, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True)  # fmt: skip
        assert "Bonjour" in done.stdout
        assert upstream.requests[-1].json["messages"][0]["content"] == 'it\'s "me" & $HOME'


def test_a_release_is_compared_and_gone_back_from(visited: Visited) -> None:
    page = visited(java_script_enabled=False, **PHONE)
    page.goto("/ui/presets")
    expect(page.locator("dl.figures")).to_contain_text("r2")
    expect(page.locator("dl.figures")).to_contain_text("did-web:config.example.com")
    page.get_by_role("link", name="What is new").click()
    expect(page.locator("del").filter(has_text="gpt-5-mini")).to_have_count(1)
    expect(page.locator("ins").filter(has_text="gpt-5-nano")).to_have_count(1)
    page.goto("/ui/presets")
    page.get_by_role("link", name="Serve this one").click()
    page.get_by_role("button", name="Serve it").click()
    expect(page.locator("dl.figures")).to_contain_text("r1")
    vera = visited(VERA)
    vera.goto("/ui/presets")
    expect(vera.get_by_role("link", name="What is new")).to_be_visible()
    expect(vera.get_by_role("link", name="Serve this one")).to_have_count(0)
    page.get_by_role("link", name="Serve this one").click()
    page.get_by_role("button", name="Serve it").click()
    expect(page.locator("dl.figures")).to_contain_text("r2")


def test_a_dashboard_of_its_own_relays_what_a_gateway_says(served: Served) -> None:
    """What is answered goes through it. The browser has a loop in this thread, so another one asks."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, relayed(served)).result()


async def relayed(served: Served) -> None:
    login = httpx2.post(f"{served.url}/auth/login", json={"key": ROOT})
    transport = httpx2.ASGITransport(app=Dashboard(served.url))
    async with httpx2.AsyncClient(
        transport=transport, base_url=served.url, cookies=dict(login.cookies)
    ) as client:
        page = await client.get("/ui/playground")
        token = page.text.partition('name="token" value="')[2].partition('"')[0]
        data = {"token": token, "model": "gpt-4o", "message": "hi", "key": ROOT}
        stream = await client.post("/ui/playground/ask", data=data, headers={"accept": "text/event-stream"})
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["x-muxi-model"] in {"openai/gpt-4o", "spare/gpt-4o"}
        assert b"*hello* " in stream.content
        assert b"[DONE]" in stream.content
        refused = await client.post(
            "/ui/playground/ask", data={**data, "key": "sk-x"}, headers={"accept": "text/event-stream"}
        )
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert "Bonjour" in (await client.post("/ui/playground/ask", data=data)).text
        forged = await client.post("/ui/playground/ask", data={**data, "token": "x"})
        assert forged.status_code == 403
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=bare(Models("http://127.0.0.1:9", "/ui")))
    ) as client:
        away = await client.post("http://dashboard/")
        assert (away.status_code, away.json()["error"]["message"]) == (502, "the gateway cannot be reached")


def bare(models: Models) -> Any:
    """A gateway that is not there, asked for something."""
    return models.piecewise("/v1/chat/completions", "k", b"{}")
