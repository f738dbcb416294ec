"""`muxi-llm ask` in pipes: stdout is the answer, stderr everything else, and the status says how it went."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from muxi_llm.commands import main as command
from tests.commands.test_chat import PNG, respond
from tests.support.terminal import Terminal, piped
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def world(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    upstream.respond = respond
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    monkeypatch.setattr("sys.stdin", Closed())
    return upstream


class Closed:
    """No terminal, and nothing in the pipe."""

    def isatty(self) -> bool:
        return False

    def read(self) -> str:
        return ""


def run(capsys: Any, *arguments: str) -> tuple[int, str, str]:
    status = command.main(["ask", *arguments])
    told = capsys.readouterr()
    return status, told.out, told.err


def test_what_is_piped_is_added(world: Upstream) -> None:
    done = piped("ask", "-v", "Sum", "up:", stdin="a long text\n")
    assert (done.returncode, done.stdout) == (0, "You said **Sum up: a long text** now \n")
    assert world.requests[0].json["messages"] == [{"role": "user", "content": "Sum up:\n\na long text"}]
    assert done.stderr.startswith("openai/gpt-5.6-luna · ")


def test_the_whole_response(world: Upstream, capsys: Any) -> None:
    status, out, err = run(
        capsys, "-m", "openai/gpt-4o", "--json", "--temperature", "0", "--param", "seed=3", "Hi"
    )
    assert (status, err) == (0, "")
    assert json.loads(out)["choices"][0]["message"]["content"] == "You said **Hi** now "
    assert (world.requests[0].json["temperature"], world.requests[0].json["seed"]) == (0, 3)


def test_a_schema_and_a_file(world: Upstream, capsys: Any, tmp_path: Path) -> None:
    (tmp_path / "person.json").write_text('{"type": "object", "properties": {}}')
    (tmp_path / "dot.png").write_bytes(PNG)
    options = ["--schema", str(tmp_path / "person.json"), "-a", str(tmp_path / "dot.png")]
    assert run(capsys, *options, "Hi")[:2] == (0, "You said **text image_url** now \n")
    assert world.requests[0].json["response_format"]["json_schema"]["name"] == "person"


def test_a_fallback_is_told_where_it_is_asked_for(
    world: Upstream, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    monkeypatch.setenv("GROQ_BASE_URL", f"{world.url}/groq")
    world.script = [Respond(503, json={})] * 2
    assert run(capsys, "-m", "groq/m", "-m", "openai/n", "Hi") == (1, "", world_is_down(capsys))
    world.script = [Respond(503, json={})]
    status, out, err = run(capsys, "-v", "-m", "groq/m", "-m", "openai/n", "Hi")
    assert (status, out) == (0, "You said **Hi** now \n")
    assert err.startswith("groq/m, attempt 1: InternalServerError")
    assert "openai/n · 2 attempts · " in err


def world_is_down(capsys: Any) -> Any:
    """Whatever is said of it, a hint is there."""

    class Told(str):
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            return "groq/m" in str(other) and "name another model to fall back on" in str(other)

        __hash__ = str.__hash__

    return Told()


@pytest.mark.parametrize(
    ("arguments", "status", "story"),
    [
        ([], 2, "nothing is asked"),
        (["-a", "missing.png", "Hi"], 2, "missing.png cannot be read: No such file"),
        (["-a", "https://example.com/a.pdf", "Hi"], 2, "only images go by URL"),
        (["--tools", "missing.py", "Hi"], 2, "missing.py"),
        (["--schema", "missing.json", "Hi"], 2, "is no JSON schema"),
        (["--param", "sead=3", "Hi"], 2, "--param: create() got an unexpected keyword argument 'sead'"),
        (["--param", "model=x", "Hi"], 2, "a model is named by -m"),
        (["-m", "antropic/x", "Hi"], 1, "did you mean anthropic"),
        (["-m", "groq/x", "Hi"], 1, "muxi-llm demo chat"),
        (["nonsense"], 1, "I will not"),
    ],
)
def test_what_cannot_be_asked(
    world: Upstream, capsys: Any, arguments: list[str], status: int, story: str
) -> None:
    told = run(capsys, *arguments)
    assert told[:2] == (status, "")
    assert story in told[2]
    assert "sk-secret" not in told[2]


def test_no_provider_has_a_key(capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to do is said, and a way without."""
    monkeypatch.setattr("sys.stdin", Closed())
    status, out, err = run(capsys, "Hi")
    assert (status, out) == (2, "")
    assert "export OPENAI_API_KEY" in err
    assert "muxi-llm demo chat" in err


def test_ctrl_c_ends_it_at_once_and_quietly(world: Upstream) -> None:
    with Terminal("ask", "wait") as terminal:
        terminal.shows("You said")
        terminal.interrupts()
        assert terminal.ended() == 130
        assert "Traceback" not in terminal.text
    assert world.closed_early.wait(30)
