"""`muxi-llm chat` on a terminal: what is typed, what is shown, what is sent."""

from __future__ import annotations

import json
import re
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import bodies
from tests.support.patience import until
from tests.support.terminal import Terminal, piped
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")

STATUS = "openai/gpt-5.6-luna"


def respond(received: Received) -> Respond:
    """Says what it was told, word by word; hangs where it is told to wait; calls the tool it is offered."""
    asked = received.json
    said = asked["messages"][-1]["content"]
    text = said if isinstance(said, str) else " ".join(part["type"] for part in said)
    if text == "nonsense":
        return Respond(400, json=bodies.error("I will not"))
    if asked.get("tools") and asked["messages"][-1]["role"] == "user":
        function = {"name": asked["tools"][0]["function"]["name"], "arguments": '{"city": "Paris"}'}
        delta = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]}
        return Respond(chunks=[*_tool_chunks(delta)])
    words = bodies.chat_stream(*(f"{word} " for word in f"You said **{text}** now".split()), done=False)
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    words += bodies.sse({**bodies.chunk({}), "choices": [], "usage": usage})
    return Respond(chunks=[*words[:3], 60.0, *words[3:]] if text == "wait" else words)


def _tool_chunks(delta: dict[str, Any]) -> Iterator[bytes]:
    head = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    for choice in ({"delta": delta, "finish_reason": None}, {"delta": {}, "finish_reason": "tool_calls"}):
        yield f"data: {json.dumps({**head, 'choices': [{'index': 0, **choice}]})}\n\n".encode()
    yield b"data: [DONE]\n\n"


@pytest.fixture
def world(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """OpenAI on loopback, and a home of one's own."""
    upstream.respond = respond
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return upstream


def test_a_chat(world: Upstream, tmp_path: Path) -> None:
    """Streams as Markdown, remembers, changes the model, tells the figures; Ctrl-D ends it."""
    with Terminal("chat", "-s", "Be brief") as terminal:
        terminal.shows("\n>")
        terminal.types("Hello\r")
        terminal.shows("You said Hello now")
        assert re.search(r"openai/gpt-5.6-luna · \d+\.\d s · 5 \+ 2 tokens", terminal.shows("tokens"))
        terminal.shows("\n>")
        terminal.types("/model openai/other\r")
        terminal.shows("\n>")
        terminal.types("again\r")
        terminal.shows("You said again now")
        terminal.shows("openai/other")
        terminal.shows("\n>")
        terminal.types("/nothing\r")
        terminal.shows("there is no /nothing")
        terminal.shows("\n>")
        terminal.types("\x04")
        assert terminal.ended() == 0
    first, second = (received.json for received in world.requests)
    assert first["messages"] == [
        {"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"},
    ]  # fmt: skip
    assert [message["role"] for message in second["messages"]] == ["system", "user", "assistant", "user"]
    assert second["model"] == "other"
    kept = tmp_path / "state" / "muxi-llm" / "chat.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE((kept.parent / "typed").stat().st_mode) == 0o600
    with Terminal("chat", "--continue", "and on?") as terminal:
        terminal.shows("You said and on? now")
        terminal.shows("\n>")
        terminal.types("/quit\r")
        assert terminal.ended() == 0
    assert len(world.requests[-1].json["messages"]) == 6


def test_ctrl_c(world: Upstream) -> None:
    """Stops an answer, which stays as far as it came; where nothing is answered it ends the chat, quietly."""
    with Terminal("chat", "--no-history", "wait") as terminal:
        terminal.shows("You said")
        terminal.interrupts()
        terminal.shows("stopped")
        terminal.shows("\n>")
        terminal.types("Hello\r")
        terminal.shows("You said Hello now")
        terminal.shows("\n>")
        terminal.types("\x03")
        assert terminal.ended() == 130
        assert "Traceback" not in terminal.text
    assert world.closed_early.wait(30)
    said = world.requests[-1].json["messages"]
    assert [message["role"] for message in said] == ["user", "assistant", "user"]
    assert said[1]["content"].startswith("You said")


def test_an_answer_cannot_take_over_the_terminal(world: Upstream) -> None:
    """What would retitle its window, or type in it, is not shown; in a pipe the answer is as it came."""
    odd = "a\x1b]0;owned\x07b\x9b5n"
    with Terminal("chat", "--no-history") as terminal:
        terminal.shows("\n>")
        world.respond = lambda _: Respond(chunks=bodies.chat_stream(odd))
        terminal.types("Hello\r")
        terminal.shows("b5n")
        assert "\x1b]0;" not in terminal.raw
        assert "\x07" not in terminal.raw
    assert piped("ask", "Hello").stdout == f"{odd}\n"


def test_a_question_stopped_before_its_answer_was_not_asked(world: Upstream) -> None:
    with Terminal("chat", "--no-history") as terminal:
        terminal.shows("\n>")
        world.respond = lambda _: Respond(json={}, delay=60.0)
        terminal.types("Hello\r")
        until(lambda: world.requests)
        terminal.interrupts()
        terminal.shows("stopped")
        terminal.shows("\n>")
        world.respond = respond
        terminal.types("again\r")
        terminal.shows("You said again now")
    assert [message["content"] for message in world.requests[-1].json["messages"]] == ["again"]


def test_what_failed_was_not_said(world: Upstream) -> None:
    with Terminal("chat", "nonsense") as terminal:
        terminal.shows("I will not")
        terminal.shows("\n>")
        terminal.types("Hello\r")
        terminal.shows("You said Hello now")
        terminal.shows("\n>")
        terminal.types("\x04")
        assert terminal.ended() == 0
    assert len(world.requests[-1].json["messages"]) == 1


TOOLS = '''
def weather(city: str, unit: str = "celsius") -> str:
    """The weather in a city."""
    return f"18 degrees {unit} in {city}"

def _not_for_the_model() -> None: ...
'''


def test_functions_of_a_file_are_tools(world: Upstream, tmp_path: Path) -> None:
    """Declared by their signatures, called, shown, and told to the model."""
    (tmp_path / "weather.py").write_text(TOOLS)
    with Terminal(
        "chat", "-m", "openai/gpt-4o", "--tools", str(tmp_path / "weather.py"), "How is it in Paris?"
    ) as terminal:
        terminal.shows('weather({"city": "Paris"}) → 18 degrees celsius in Paris')
        terminal.shows("You said 18 degrees celsius in Paris now")
    (tool,) = world.requests[0].json["tools"]
    assert tool["function"]["name"] == "weather"
    assert tool["function"]["description"] == "The weather in a city."
    schema = tool["function"]["parameters"]
    assert (schema["required"], set(schema["properties"])) == (["city"], {"city", "unit"})
    assert [message["role"] for message in world.requests[1].json["messages"]] == [
        "user",
        "assistant",
        "tool",
    ]


PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_a_file_is_attached(world: Upstream, tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(PNG)
    (tmp_path / "notes.txt").write_text("remember")
    with Terminal("chat") as terminal:
        terminal.shows("\n>")
        terminal.types(f"/attach '{tmp_path / 'a b.png'}' What is this?\r")
        terminal.shows("You said text image_url now")
        terminal.shows("\n>")
        terminal.types(f"/attach {tmp_path / 'missing'}\r")
        terminal.shows("cannot be read: No such file")
    text, image = world.requests[0].json["messages"][0]["content"]
    assert text["text"] == "What is this?"
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


def test_a_dumb_terminal_is_plain(world: Upstream) -> None:
    with Terminal("chat", TERM="dumb") as terminal:
        terminal.shows("> ")
        terminal.types("Hello\n")
        terminal.shows("You said **Hello** now")
        terminal.shows("\n>")
        terminal.types("\x04")
        assert terminal.ended() == 0
        assert "\x1b" not in terminal.raw


def test_without_a_terminal_it_asks_once(world: Upstream) -> None:
    done = piped("chat", stdin="Hello\n")
    assert (done.returncode, done.stdout) == (0, "You said **Hello** now \n")
    assert "openai/gpt-5.6-luna" in done.stderr
    assert len(world.requests) == 1
