"""The chat within this process: the words, the loop, and what a screen with rich draws."""

from __future__ import annotations

import io
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from muxi_llm.commands import demo
from muxi_llm.commands import main as command
from muxi_llm.commands.chat.rich_screen import RichScreen
from tests.commands.test_chat import respond
from tests.support.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Typed(io.StringIO):
    """Somebody at a terminal, who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def world(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    upstream.respond = respond
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return upstream


def chat(monkeypatch: pytest.MonkeyPatch, capsys: Any, typed: str, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.stdin", Typed(typed))
    status = command.main(["chat", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_every_word(world: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    lines = [
        "/help", "/model", "/model openai/other", "/system", "/system Be brief", "Hello", "/cost",
        "/attach a.txt Read it", "/attach", "/attach 'a", "/save", "/save nowhere/x", "/save said.json",
        "/new", "nonsense", "", "/quit",
    ]  # fmt: skip
    status, out, err = chat(monkeypatch, capsys, "\n".join(lines), "-c")
    assert (status, out) == (0, "You said **Hello** now \nYou said **text text** now \n")
    for told in (
        "there is no earlier chat", "/attach  FILE", "the model is told nothing", "$0", "No closing quotation",
        "/save FILE", "No such file", "4 messages in said.json", "all is forgotten", "I will not",
    ):  # fmt: skip
        assert told in err, told
    assert [message["role"] for message in json.loads((tmp_path / "said.json").read_text())] == [
        "user", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert world.requests[0].json["messages"][0] == {"role": "system", "content": "Be brief"}


def test_an_end_of_input_ends_it_and_a_full_disk_does_not(
    world: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    (tmp_path / "state").write_text("no folder")
    status, out, err = chat(monkeypatch, capsys, "Hello\n")
    assert (status, out) == (0, "You said **Hello** now \n")
    assert "this chat cannot be kept" in err
    assert chat(monkeypatch, capsys, "", "-a", "missing")[0] == 2
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert command.main(["chat"]) == 2


def test_what_rich_draws(capsys: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paragraphs as they are complete, code whole, thinking before, the rest at the end."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    screen = RichScreen(tells=True, keeps=True)
    with screen.answering():
        screen.think("Let me ")
        screen.think("see.")
        assert screen._drawn().plain == "Let me see."
        for piece in ("One **bold**.\n", "\nTwo:\n\n```python\na = 1\n", "\nb = 2\n```\n\nTh", "ree"):
            screen.say(piece)
        assert screen._begun == "Three"
    screen.called("weather", '{"city": "Paris"}', "sunny")
    screen.failed("it failed", "do this")
    out = capsys.readouterr().out
    places = [out.index(text) for text in ("Let me see.", "One bold.", "Two:", "a = 1", "b = 2", "Three")]
    assert places == sorted(places)
    assert 'weather({"city": "Paris"}) → sunny' in out
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("one\x1b\rtwo\r")
        assert screen.read() == "one\ntwo"
    assert "+two" in (tmp_path / "muxi-llm" / "typed").read_text()


@pytest.fixture
def environment() -> Iterator[None]:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("environment")
def test_the_demo(capsys: Any) -> None:
    """All but those that wait; the whole of it is run by `make demo`."""
    waits = {"retries"}
    shown = [section for section in demo.SECTIONS if section.__name__ not in waits]  # type: ignore[attr-defined]
    assert demo.show(shown) == 0
    assert "everything did what it claims" in capsys.readouterr().out
