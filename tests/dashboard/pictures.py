"""Makes the pictures of the dashboard, of a company that is not there: `python -m tests.dashboard.pictures`; with
a folder behind it, every page in every look instead, several to a sheet, for whoever mends one.

It needs what these tests need, Chromium and Playwright, and for Chinese a font that has it.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
from playwright.sync_api import sync_playwright

from muxi_llm.commands.governed.composed import Governed
from muxi_llm.commands.governed.prepared import prepare
from muxi_llm.dashboard.pages import PAGES
from muxi_llm.gateway.settings.files import read
from tests.support import company
from tests.support.bodies import chat_stream
from tests.support.browsing import beside
from tests.support.gateway import Served
from tests.support.presets import publish, source
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from playwright.sync_api import Browser

IMAGES = Path(__file__).parents[2] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
ROOT = "sk-muxi-pictures-0123456789"
LOOKS: dict[str, dict[str, tuple[str, Any]]] = {
    "screen": {"desk": ("viewport", {"width": 1280, "height": 800}), "phone": ("viewport", {"width": 390, "height": 844})},
    "theme": {"light": ("color_scheme", "light"), "dark": ("color_scheme", "dark")},
    "language": {"en": ("locale", "en-US"), "zh": ("locale", "zh-CN")},
}  # fmt: skip
PICTURES: tuple[tuple[str, str, str], ...] = (
    ("overview", "/", "desk light en"),
    ("keys", "/keys", "desk light en"),
    ("spend", "/spend", "desk light en"),
    ("live", "/live", "desk dark en"),
    ("phone", "/keys", "phone dark en"),
)
PATHS = (
    *(page.path for page in PAGES if page.title),
    *("/keys?new", "/keys?id={key}", "/keys?search=no", "/teams?id=search", "/teams?new&id=search"),
    *("/users?id=grace", "/organizations?id=retail", "/spend?team_id=search", "/spend/row?id=r7"),
    *("/presets?before=r1&after=r2", "/presets?activate=r1", "/clients?model=%22"),
    *("/audit?id=12", "/audit?id=none"),
)
ON_A_SHEET = {"desk": 4, "phone": 7}
SLOW = "take your time"


class Pictured:
    """`with Pictured(folder) as pictured`: a governed gateway with presets, a company and its month."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.keys = {"admin": ROOT}
        self._kept = ExitStack()

    def __enter__(self) -> Pictured:
        upstream = self._kept.enter_context(Upstream(answer))
        for revision, models in (
            ("r1", ("gpt-5-mini", "gpt-5")),
            ("r2", ("gpt-5", "gpt-5-mini")),
            ("r3", ("gpt-5-mini", "gpt-5")),
        ):
            texts = zip(("chat/fast", "chat/careful"), models, strict=True)
            publish(self._folder / "llm", revision, {name: source(model) for name, model in texts})
        file = self._folder / "gateway.yaml"
        file.write_text(json.dumps(config(self._folder, upstream.url)))
        settings = read(file)[0]
        prepare(settings, lambda _: None)
        governed = Governed(settings)
        served = self._kept.enter_context(Served(settings, governed, around=beside))
        self.url = served.url
        self._client = self._kept.enter_context(httpx2.Client(base_url=served.url, timeout=60))
        made = company.settle_in(self)
        company.work(governed.store, made, 6000)
        self.key = made[0]["token_id"]
        self.under_way(made)
        return self

    def __exit__(self, *_: object) -> None:
        logging.disable()  # the server says at length that what is under way does not end
        self._kept.close()

    def ok(self, path: str, **body: Any) -> Any:
        """What a POST answers that has to go well."""
        reply = self._client.post(path, json=body, headers={"authorization": f"Bearer {ROOT}"})
        assert reply.status_code == 200, reply.text
        return reply.json()

    def under_way(self, made: list[dict[str, Any]]) -> None:
        """Some requests that do not end."""
        for key, model in zip(
            made[:5],
            ("gpt-5", "gpt-5-mini", "claude-sonnet-4-5", "claude-haiku-4-5", "house-70b"),
            strict=True,
        ):
            body = {"model": model, "stream": True, "messages": [{"role": "user", "content": SLOW}]}
            threading.Thread(target=self._asked, args=(key["key"], body), daemon=True).start()

    def _asked(self, key: str, body: dict[str, Any]) -> None:
        with suppress(httpx2.HTTPError):
            head = {"authorization": f"Bearer {key}"}
            httpx2.post(f"{self.url}/v1/chat/completions", json=body, headers=head, timeout=600)

    def session(self, by: str) -> dict[str, str]:
        """The cookies of somebody who is logged in."""
        reply = self._client.post("/auth/login", json={"key": self.keys[by]})
        return dict(reply.cookies)


def answer(received: Received) -> Respond:
    """Nothing for a long time, where it is told to take its time."""
    if SLOW in received.body.decode():
        return Respond(chunks=[600.0])
    return Respond(chunks=chat_stream("Hello, bonjour, hola, guten Tag."))


def config(folder: Path, url: str) -> dict[str, Any]:
    """Of a gateway whose providers are all at *url*."""
    many = {"rpm": 500, "tpm": 400_000}
    openai = [{"name": name, **many} for name in ("gpt-5", "gpt-5-mini")]
    fast = {"name": "fast", "preset": "chat/fast"}
    claude = ["claude-sonnet-4-5", "claude-haiku-4-5"]
    return {
        "providers": [
            {"name": "openai", "base_url": url, "api_key": "k", "models": [*openai, fast]},
            {"name": "anthropic", "base_url": url, "api_key": "k", "models": claude},
            {"name": "azure", "type": "openai", "base_url": url, "api_key": "k", "models": ["gpt-5"]},
            {"name": "house", "type": "openai", "base_url": url, "api_key": "k", "models": ["house-70b"]},
        ],
        "presets": {"dir": str(folder / "llm")},
        "database": {"url": f"sqlite:///{folder}/store.db"},
        "governance": {
            "spool": str(folder / "spool"),
            "default_price": {"input": 1, "output": 1},
            "users": [{"user_id": "root", "user_alias": "Ada Lovelace", "user_role": "proxy_admin"}],
            "keys": [{"token_id": "root", "key_name": "Ada's own", "key": ROOT, "user_id": "root"}],
        },
    }


def main(folder: str = "") -> None:
    """All of them."""
    with (
        tempfile.TemporaryDirectory() as kept,
        sync_playwright() as playwright,
        Pictured(Path(kept)) as pictured,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        if folder:
            sheets(browser, pictured, Path(folder))
        for name, path, look in PICTURES if not folder else ():
            pictures(browser, pictured, look, {path: IMAGES / f"dashboard-{name}.png"})
        browser.close()


def pictures(
    browser: Browser, pictured: Pictured, look: str, wanted: dict[str, Path], by: str = "admin", **how: Any
) -> None:
    """Path → the file it is put into."""
    chosen = dict(kinds[word] for word, kinds in zip(look.split(), LOOKS.values(), strict=True))
    scale = 2 if "phone" in look and "full_page" not in how else 1
    context = browser.new_context(base_url=pictured.url, device_scale_factor=scale, **chosen)
    cookies = pictured.session(by).items()
    context.add_cookies([{"name": name, "value": value, "url": pictured.url} for name, value in cookies])
    page = context.new_page()
    for path, file in wanted.items():
        page.goto(f"/ui{path.format(key=pictured.key)}")
        if "zh" not in look:  # a machine without fonts for Chinese draws boxes
            page.evaluate("for (const one of document.querySelectorAll('button[lang=zh]')) one.remove()")
        page.screenshot(path=file, **how)
    context.close()


def sheets(browser: Browser, pictured: Pictured, folder: Path) -> None:
    """Every page in every look."""
    folder.mkdir(exist_ok=True)
    for look in map(" ".join, product(*LOOKS.values())):
        wanted = {path: folder / f"{look.replace(' ', '-')}-{at}.png" for at, path in enumerate(PATHS)}
        pictures(browser, pictured, look, wanted, full_page=True)
        files, size = list(wanted.values()), ON_A_SHEET[look.split()[0]]
        for at in range(0, len(files), size):
            some = files[at : at + size]
            page = browser.new_page(viewport={"width": 2000, "height": 1400})
            share = 100 // len(some) if "phone" in look else 49
            images = "".join(
                f'<img src="{file.name}" style="width:{share}%;max-height:1600px;object-fit:cover;object-position:top;margin:3px">'
                for file in some
            )
            (folder / "sheet.html").write_text(
                f"<body style='background:#888;display:flex;flex-wrap:wrap;align-items:start'>{images}"
            )
            page.goto((folder / "sheet.html").resolve().as_uri())
            page.screenshot(path=folder / f"sheet-{look.replace(' ', '-')}-{at:02}.png", full_page=True)
            page.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
