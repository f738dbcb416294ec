"""`python -m examples.demo`: what it prints, its exit status, and that it notices when a claim does not hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from muxi_llm import AttemptRecord
from muxi_llm.commands.demo.stage import Stage
from tests.support.patience import LIFETIME

ROOT = Path(__file__).parents[1]
WITHOUT_LLAMA = """
import sys
sys.modules["xllamacpp"] = None
from examples.demo.real_model import real_model
from muxi_llm.commands import demo
sys.exit(demo.show((demo.SECTIONS[0], real_model)))
"""
SECTION = re.compile(r"^ ?\d+  (?=\S)", re.MULTILINE)
ROW = re.compile(r"^   (\S+/\S+) +(\d+)  [✓✗] (\S+(?: \S+)*) ", re.MULTILINE)
DOWN = "503 InternalServerError"
TO_LLAMA = [("openai/gpt-5.6-luna", 1, DOWN), ("llama_cpp/tiny", 1, "answered")]

# Each section's attempts, and what else it prints.
SECTIONS: list[tuple[str, list[tuple[str, int, str]], list[str]]] = [
    (
        "A chain of three",
        [
            ("openai/gpt-5.6-luna", 1, DOWN),
            ("groq/openai/gpt-oss-20b", 1, "429 RateLimitError"),
            ("anthropic/claude-sonnet-5", 1, "answered"),
        ],
        ['answer: This is claude-sonnet-5. You asked "Why is the sky blue?".'],
    ),
    (
        "Retries on one model",
        [("groq/openai/gpt-oss-120b", 1, "429 RateLimitError"), ("groq/openai/gpt-oss-120b", 2, "answered")],
        [" 1000 ", "·" * 20],
    ),
    (
        "A stream that breaks before its first text",
        [
            ("mistral/mistral-medium-latest", 1, "IncompleteStreamError"),
            ("anthropic/claude-haiku-4-5", 1, "answered"),
        ],
        ['answer, as it comes: This is claude-haiku-4-5. You asked "How does a rainbow form?".'],
    ),
    (
        "A tool call and its result",
        [("anthropic/claude-sonnet-5", 1, "answered")] * 2,
        [
            "thinking: ",
            'tool call: get_weather({"city":"Paris","unit":"celsius"})',
            "The tool says: 18 °C and sunny.",
        ],
    ),
    (
        "JSON mode on a provider that has none",
        [("anthropic/claude-haiku-4-5", 1, "answered")],
        ["adapted: response_format changed: anthropic has no JSON mode", "{'question': "],
    ),
    (
        "Embeddings",
        [("mistral/mistral-embed", 1, "answered")],
        ["0.50 between the first two, 0.00 to the third"],
    ),
    (
        "`from muxi_llm import OpenAI`",
        [
            ("anthropic/claude-sonnet-5", 1, "200"),
            ("openai/gpt-5.6-luna", 1, "503"),
            ("anthropic/claude-haiku-4-5", 1, "200"),
        ],
        ["x-muxi-model: anthropic/claude-haiku-4-5, x-muxi-attempts: 2"],
    ),
    (
        "Async: three calls at once",
        [
            ("anthropic/claude-haiku-4-5", 1, "answered"),
            ("google/gemini-3.5-flash-lite", 1, "answered"),
            ("mistral/mistral-small-latest", 1, "answered"),
        ],
        ["together: "],
    ),
    (
        "When everything fails",
        [
            ("openai/gpt-5.6-terra", 1, DOWN),
            ("groq/qwen/qwen3.6-27b", 1, "429 RateLimitError"),
            ("mistral/mistral-large-latest", 1, "IncompleteStreamError"),
        ],
        [
            "error: all models failed: openai/gpt-5.6-terra (try 1): InternalServerError",
            "openai.APIConnectionError",
        ],
    ),
    (
        "A model swapped by a signed release",
        [],
        [
            "none failed",
            "before: google/gemini-3.5-flash by release 2026-01-01T000000Z",
            "after: anthropic/claude-sonnet-5 by release 2026-02-01T000000Z",
        ],
    ),
    (
        "The gateway",
        [
            ("openai/gpt-5.6-luna", 1, "503"),
            ("anthropic/claude-sonnet-5", 1, "200"),
            ("google/gemini-3.5-flash", 1, "200"),
            ("anthropic/claude-sonnet-5", 1, "200"),
        ],
        [
            "OpenAI's client, smart: second/claude-sonnet-5, attempt 2",
            "Anthropic's protocol, claude-haiku-4-5: google/gemini-3.5-flash, attempt 1",
        ],
    ),
    (
        "A chain that ends at a real model server",
        TO_LLAMA * 4,
        [
            "answer, token by token: Hello| from| a| tiny| llama| model.|",
            "tokens read: 3",
            "tool call: get_weather({",
        ],
    ),
]


def python(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """A Python of its own, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **settings},
        capture_output=True,
        encoding="utf-8",
        timeout=LIFETIME,
        check=False,
    )


@pytest.fixture(scope="module")
def demo() -> subprocess.CompletedProcess[str]:
    """The demo as it is."""
    return python("-m", "examples.demo")


@pytest.fixture(scope="module")
def without_llama() -> subprocess.CompletedProcess[str]:
    """Its first section and its last one where llama.cpp cannot be imported, over the other transport."""
    return python("-c", WITHOUT_LLAMA, MUXI_LLM_TRANSPORT="httpx2")


def sections(demo: subprocess.CompletedProcess[str]) -> list[str]:
    return SECTION.split(demo.stdout)[1:]


def attempts(text: str) -> list[tuple[str, int, str]]:
    return [(model, int(number), outcome) for model, number, outcome in ROW.findall(text)]


needs_llama = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("xllamacpp", "gguf")),
    reason="SKIPPED LOUDLY: xllamacpp is not installed (pip install 'muxi-llm[demo]')",
)


@needs_llama
def test_it_does_what_it_claims(demo: subprocess.CompletedProcess[str]) -> None:
    """It exits with 0, complains of nothing, and sums up in one line."""
    assert (demo.returncode, demo.stderr) == (0, "")
    assert re.fullmatch(
        r"18 calls, 32 requests reached the servers, \d+\.\d s; everything did what it claims",
        demo.stdout.splitlines()[-1],
    )


@needs_llama
@pytest.mark.parametrize("index", range(len(SECTIONS)), ids=[title for title, _, _ in SECTIONS])
def test_section(index: int, demo: subprocess.CompletedProcess[str]) -> None:
    """Its title, its attempts in order, and what comes of them."""
    title, expected, texts = SECTIONS[index]
    section = sections(demo)[index]
    assert section.startswith(title)
    assert attempts(section) == expected
    assert all(text in section for text in texts)


def test_without_llama_cpp_it_skips_loudly(without_llama: subprocess.CompletedProcess[str]) -> None:
    """The reason is in the section and in the summary; what else there is is shown, and the exit status is 0."""
    assert (without_llama.returncode, without_llama.stderr) == (0, "")
    first, real = sections(without_llama)
    assert attempts(first) == SECTIONS[0][1]
    assert "SKIPPED, NOT SHOWN: import of xllamacpp halted" in real
    assert attempts(real) == []
    assert "1 calls, 3 requests" in without_llama.stdout.splitlines()[-1]
    assert "; SKIPPED: import of xllamacpp" in without_llama.stdout.splitlines()[-1]


def test_its_output_is_plain_where_there_is_no_terminal(
    without_llama: subprocess.CompletedProcess[str],
) -> None:
    """No colours in a file or a pipe."""
    assert "\033" not in without_llama.stdout


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no pseudo-terminals on this system")
@pytest.mark.parametrize(("settings", "painted"), [({}, b"\033[31mx\033[0m"), ({"NO_COLOR": "1"}, b"x")])
def test_a_terminal_gets_colours(settings: dict[str, str], painted: bytes) -> None:
    """Unless NO_COLOR is set."""
    ours, theirs = os.openpty()
    others = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    code = "from muxi_llm.commands.demo.timeline import paint; print(paint('x', 'red'), end='')"
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**others, **settings},
        stdout=theirs,
        check=True,
        timeout=LIFETIME,
    )
    os.close(theirs)
    assert os.read(ours, 100) == painted
    os.close(ours)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        pytest.param("raise RuntimeError('boom')", "section 1 runs to its end", id="a section breaks"),
        pytest.param("stage.check(False, 'a claim')", "a claim", id="a claim does not hold"),
    ],
)
def test_it_fails_where_it_does_not_do_what_it_claims(body: str, complaint: str) -> None:
    """The exit status is 1, the summary says why, and the next section is shown all the same."""
    code = f"""
import sys
from muxi_llm.commands.demo import show
def wrong(stage):
    {body}
def right(stage):
    "The next one"
sys.exit(show([wrong, right]))
"""
    done = python("-c", code)
    assert done.returncode == 1
    assert f"   NOT AS EXPECTED: {complaint}\n" in done.stdout
    assert "\n 2  The next one\n" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(f"s; NOT AS EXPECTED: {complaint}")


def test_unexpected_attempts_are_noticed(capsys: pytest.CaptureFixture[str]) -> None:
    """A call that took other attempts than expected, and attempts that reached no server."""
    stage = Stage(journal=[])
    stage.call([AttemptRecord("openai/gpt-5.6-luna", 1, 0.1)], expect=["openai 503", "anthropic answered"])
    assert stage.failures == [
        "attempts ['openai answered'], not ['openai 503', 'anthropic answered']",
        "requests to [], attempts at ['openai/gpt-5.6-luna']",
    ]
    assert capsys.readouterr().out.count("NOT AS EXPECTED") == 2
