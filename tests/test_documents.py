"""Every block of README and of the documents runs, alone and unchanged; every link leads somewhere.

The providers are those of `muxi-llm demo`, so what holds here holds for whoever saves a block and runs
`muxi-llm demo python it.py`. Commands are read by their own parsers, and not run.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import anthropic
import openai
import pytest

from muxi_llm.commands import main as command
from muxi_llm.commands.demo.providers import Providers
from tests.conftest import SHARED
from tests.support.patience import LIFETIME
from tests.support.upstream import Upstream
from tests.support.world import answer, environment, snippets

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
ELSEWHERE = {"presets.md"}
"""Pages whose blocks have tests of their own."""
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}:{number}")
    for page in PAGES
    if page.name not in ELSEWHERE
    for number, block in enumerate(snippets(page), 1)
]
TOP = [ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
BLOB = re.compile(
    r"https://(?:github\.com/ranaroussi/muxi-llm/(?:blob|tree)/main|raw\.[^/]*/ranaroussi/muxi-llm/main)/(.*)"
)

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")


# ---------------------------------------------------------------------------------------- blocks


@pytest.fixture(scope="module")
def demo() -> Iterator[Providers]:
    with Providers({}) as providers:
        yield providers


@pytest.fixture
def world(demo: Providers, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Providers]:
    """All providers on loopback, and a folder with the files that blocks name."""
    for name, value in demo.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 20)
    log = logging.getLogger("muxi_llm")
    level = log.level
    yield demo
    log.setLevel(level)


def run(block: str, namespace: dict[str, Any]) -> None:
    """Execute *block*; a bare `await` in it is run as an interactive session would."""
    code = compile(block, "<document>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))
    else:
        exec(code, namespace)


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_runs_alone(block: str, world: Providers, capsys: pytest.CaptureFixture[str]) -> None:
    """As a script: nothing of another block, and no bare `await`."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(block, "<document>", "exec"), namespace)
    for value in namespace.values():
        if isinstance(value, openai.OpenAI | anthropic.Anthropic):  # a script's end would
            value.close()
    assert capsys.readouterr().out or "print(" not in block


SEED = SHARED / "seeds" / "003-muxi-llm.md"
SEED_BLOCKS = 13


@pytest.mark.shared
@pytest.mark.parametrize("index", range(SEED_BLOCKS))
def test_seed(
    index: int,
    shared: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A block of the founding document, after those before it."""
    assert len(snippets(SEED)) == SEED_BLOCKS
    monkeypatch.chdir(tmp_path)
    with Upstream(answer) as upstream:
        for name, value in environment(upstream).items():
            monkeypatch.setenv(name, value)
        namespace: dict[str, Any] = {"__name__": "document"}
        for block in snippets(SEED)[: index + 1]:
            run(block, namespace)
        assert upstream.requests


# -------------------------------------------------------------------------------------- commands

SHELL = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
OURS = {"muxi-llm", "llmux"}


def commands(text: str) -> Iterator[list[str]]:
    """Command lines of ours in *text*, without what a pipe or a variable has to do with them."""
    for block in SHELL.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            for part in line.split(" | "):
                words = shlex.split(part, comments=True)
                while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                    del words[0]
                if words and words[0] in OURS:
                    yield words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_understood(page: Path) -> None:
    """Each has the options it is shown with."""
    for program, *words in commands(page.read_text()):
        if program == "llmux":
            words = ["serve", *(word for word in words if word != "start")]  # noqa: PLW2901
        name = words[0] if words else "--help"
        if name in command.BY_NAME and not command.BY_NAME[name].is_own:
            command.parser_of(name).parse_args(words)
        else:
            assert name in {*command.BY_NAME, "--help", "--version"}, words


def test_the_page_on_the_command_line_names_every_command() -> None:
    table = [line for line in (ROOT / "docs" / "cli.md").read_text().splitlines() if line.startswith("| `")]
    named = {word.strip("`, ") for line in table for word in line.split("|")[1].split()}
    assert named == set(command.BY_NAME)


# ----------------------------------------------------------------------------------------- links

LINK = re.compile(r"\]\(([^()\s]+)\)")


@pytest.mark.parametrize("page", PAGES + TOP, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_into_the_repository(page: Path) -> None:
    """Each leads to a file that is there; README's are whole, so that they work off the repository."""
    for target in LINK.findall(re.sub(r"`[^`]*`", "", page.read_text())):
        ours = BLOB.fullmatch(target)
        if ours:
            assert (ROOT / ours[1].partition("#")[0]).exists(), target
        elif page == README:
            assert target.startswith("https://"), target
        elif "://" not in target:
            assert (page.parent / target.partition("#")[0]).exists(), target


class Page(HTMLParser):
    """Where a page of the site leads, and what is named on it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.names.add(given.get("id", ""))
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag in {"img", "script", "iframe"} and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loads.append(given["href"])


def test_the_site(tmp_path: Path) -> None:
    """It is built without a warning, loads nothing from elsewhere, and each of its links leads somewhere."""
    site = tmp_path / "site"
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(site)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=LIFETIME,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = {path: Page(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}
    assert (site / "providers" / "groq" / "index.html") in pages
    for path, page in pages.items():
        assert not [target for target in page.loads if "://" in target or target.startswith("//")], path
        for target in page.links:
            link = urlsplit(target)
            if link.scheme or link.netloc or not (link.path or link.fragment):
                continue
            found = (path.parent / unquote(link.path)).resolve() if link.path else path
            found = found / "index.html" if found.is_dir() else found
            assert found.exists(), f"{path}: {target}"
            if link.fragment and found in pages and not link.fragment.startswith("__"):
                assert unquote(link.fragment) in pages[found].names, f"{path}: {target}"


def test_the_table_of_providers_says_what_the_code_does(tmp_path: Path) -> None:
    """As `muxi-llm providers --markdown`; the page is made of it."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import pages
    finally:
        sys.path.remove(str(ROOT / "docs"))
    made = pages.pages()
    for path, content in pages.kept().items():
        assert (ROOT / "docs" / path).read_text() == content, f"{path} is of before: python docs/pages.py"
    assert "| [`groq`](groq.md) | `GROQ_API_KEY` | openai_chat |" in made["providers/index.md"]
    assert {f"providers/{name}.md" for name in pages.OWN} < made.keys()
    assert "`GROQ_KEYS`" in made["providers/groq.md"]
    assert "| `fallback_models` | `Sequence[str]` |" in made["reference/parameters.md"]


def test_the_chart_is_of_the_results() -> None:
    """After a bench: `make chart`."""
    import json

    from bench import ratios

    assert ratios.CHART.read_text() == ratios.chart(json.loads(ratios.RESULTS.read_text()))


def test_readme_is_three_screens() -> None:
    assert len(README.read_text().splitlines()) <= 150
