"""Every example runs as it is, without keys, and prints what it promises. A new one is found by itself."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.patience import LIFETIME

ROOT = Path(__file__).parents[1]
EXAMPLES = [
    path for path in sorted((ROOT / "examples").glob("*.py")) if path.stem not in {"__init__", "offline"}
]
MAX_LINES = 60

# What each prints, in this order, among other things.
EXPECTED: dict[str, list[str]] = {
    "async_calls": [
        'openai/gpt-5.6-luna: This is gpt-5.6-luna. You asked "What is the capital of Australia?".',
        "anthropic/claude-haiku-4-5: This is claude-haiku-4-5.",
        "mistral/mistral-small-latest: This is mistral-small-latest.",
        '\nThis is claude-haiku-4-5. You asked "What is the capital of Australia?".',
    ],
    "audio_input": [
        'This is gemini-3.5-flash-lite. You asked "What do you hear?" and sent audio.',
        'This is claude-sonnet-5. You asked "What do you hear?".',
        "adapted: messages[0].content[1] dropped: anthropic takes no input_audio parts",
    ],
    "batch": [
        "exit status 1",
        'cuba: This is gpt-5.6-luna. You asked "What is the capital of Cuba?".',
        'line-1: This is gpt-5.6-luna. You asked "What is the capital of Chile?".',
        "line 4: a line must have a prompt or messages",
        "peru: This is gpt-5.6-luna.",
        "nothing new: True",
    ],
    "chat_completion": ["openai/gpt-5.6-luna: 15 tokens", "This is claude-sonnet-5.", "\nstop\n"],
    "completion": ["This is llama3.2.", "This is openai/gpt-oss-120b.", "adapted: prompt changed:"],
    "configuration": [
        "This is claude-haiku-4-5.",
        "groq/openai/gpt-oss-120b, try 1: InternalServerError: Error code: 503",
        "groq/openai/gpt-oss-120b, try 2: InternalServerError: Error code: 503",
        "anthropic/claude-haiku-4-5, try 1: answered",
        'You asked "And in Europe?".',
    ],
    "cost": [
        "$0.0000",
        "by genai-prices 0.",
        "input: $0.00000",
        "None because the stream has not ended",
        "$0.0000",
        "by muxi_llm.config.prices",
        "0.0108\n0.009\n",
        "no price is known for cohere/rerank-v3.5",
    ],
    "custom_provider": [
        'This is my-model. You asked "What is this?" and sent an image.',
        "adapted: messages[0].content[2] dropped: my_custom takes no input_audio parts",
        "adapted: max_completion_tokens renamed: sent as max_tokens",
    ],
    "drop_in_client": [
        "it is OpenAI's own client: True",
        'You asked "Who wrote Faust?".',
        "Book(title='Mary Shelley', year=36)",
        "answered by anthropic/claude-haiku-4-5 after 2 attempts",
    ],
    "embedding": ["best: Stock markets fell sharply on Monday"],
    "errors": [
        "a wrong keyword: create() got an unexpected keyword argument 'temprature'; did you mean 'temperature'?",
        "there is no provider 'antropic'; did you mean anthropic?",
        "a wrong message: messages[0].role -",
        "a wrong key: anthropic 401",
        "no time: 2 attempts",
        "a failed chain: True",
        "anthropic/claude-sonnet-5 - APITimeoutError",
    ],
    "fallback": [
        "openai/gpt-5.6-luna failed (InternalServerError), trying groq/openai/gpt-oss-120b",
        "groq/openai/gpt-oss-120b failed (RateLimitError), trying anthropic/claude-sonnet-5",
        "This is claude-sonnet-5.",
        "s  answered",
        "3 attempts, answered by anthropic/claude-sonnet-5",
    ],
    "files_and_batches": [
        "file, line 4: body.stream: a batch does not stream",
        "the id says whose it is: True",
        "adapted: file[1-3].max_tokens added: required by Anthropic",
        "completed 3 of 3",
        'Peru - This is claude-haiku-4-5. You asked "What is the capital of Peru?".',
        "lines in the file: 3",
        "deleted: True",
    ],
    "image_generation": [
        "openai/gpt-image-1: 69 bytes, a PNG: True",
        "adapted: style dropped: dall-e-3 alone has it",
        "by OpenAI's client: 1 image",
        "refused: groq has no image endpoint",
    ],
    "json_mode": [
        "{'question': 'List the three largest planets as a JSON object'}",
        "adapted: response_format changed: anthropic has no JSON mode",
        "refused: anthropic: response_format changed",
    ],
    "moderation": [
        "judged by openai/omni-moderation-latest",
        "harmless: What a fine day.",
        "flagged: You are a fool.  harassment",
        "illicit: None",
    ],
    "multimodal": [
        'This is claude-sonnet-5. You asked "What is this?" and sent a document.',
        'This is my-model. You asked "What is this?".',
        "dropped: my_custom fetches no image URLs; muxi_llm.config.fetch_media = True does it here",
        'This is my-model. You asked "What is this?" and sent an image.',
        "changed: my_custom fetches no image URLs; sent as base64",
    ],
    "local_model": [
        "muxi-llm-tiny.gguf: Hello from a tiny llama model.",
        "|Hello| from| a| tiny| llama| model.||",
        "of a schema: Greeting",
        "InternalServerError: Error code: 503",
        "'answered']",
    ]
    if find_spec("xllamacpp") and find_spec("gguf")
    else ["skipped: pip install"],
    "rerank": [
        "document 1: {'text': 'Stock markets fell sharply on Monday'}",
        "adapted: documents[2] dropped: cohere takes texts",
        "best: Stock markets fell sharply on Monday",
    ],
    "realtime": [
        'This is grok-voice-latest. You said "Hello there". ',
        "groq has no realtime API of OpenAI's protocol; those that have: azure, openai, xai",
    ],
    "resilience": [
        "3 answers of 1 call: This is gpt-5.6-luna.",
        "the same again came from the cache's tier l1",
        "Lima: InternalServerError: Error code: 503",
        "the breaker of groq is open\nQuito: InternalServerError",
        "La Paz: skipped, CircuitOpenError: Circuit breaker OPEN for (groq, ",
        "then openai/gpt-5.6-luna",
    ],
    "retries": ["try 1, after a pause of 0.0 s: RateLimitError", "try 2, after a pause of 1.0 s: answered"],
    "speech_and_transcription": [
        "openai/gpt-4o-mini-tts: a WAV file: True",
        "streamed, the same: True",
        "groq/whisper-large-v3: The quick brown fox",
        "00:00:00,000 --> 00:00:02,500",
        "by OpenAI's client: The quick brown fox",
        "refused: file cannot be read (No such file or directory)",
        "refused: file is empty",
    ],
    "streaming": [
        "anthropic/claude-sonnet-5 answers:",
        'You asked "Write a short poem about the sea".',
        "12 tokens: This is claude-sonnet-5.",
        "enough after 'This '",
    ],
    "structured_output": [
        "openai/gpt-5.6-luna: Person(name='Ada Lovelace', age=36, field='science', known_for=['Ada Lovelace'])",
        "anthropic/claude-sonnet-5: Person(name='Ada Lovelace', age=36",
    ],
    "testing_your_code": ["passed"],
    "token_counting": ["openai/gpt-5.6-luna          text ", "anthropic/claude-sonnet-5    chat with tools "],
    "tools": [
        'the model calls weather({"city":"Paris","unit":"celsius"})',
        "The tool says: 18 degrees celsius and sunny in Paris.",
    ],
    "vision": ["by URL:  This is gpt-5.6-luna.", "as data: This is claude-sonnet-5.", "and sent an image."],
}


def offline(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`python -m examples.offline`, with warnings as errors."""
    command = [sys.executable, "-W", "error", "-m", "examples.offline", *arguments]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=LIFETIME, check=False
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_runs(path: Path) -> None:
    """It ends well, complains of nothing, and prints what is expected in the expected order."""
    done = offline(f"examples/{path.name}")
    assert (done.returncode, done.stderr) == (0, "")
    assert path.stem in EXPECTED, f"say in EXPECTED what {path.name} prints:\n{done.stdout}"
    at = 0
    for text in EXPECTED[path.stem]:
        assert text in done.stdout[at:], f"{text!r} is not in {done.stdout[at:]!r}"
        at = done.stdout.index(text, at) + len(text)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_it_introduces_itself(path: Path) -> None:
    """Purpose, what it shows, which modules it is about, how to run it; and it is short."""
    source = path.read_text(encoding="utf-8")
    purpose, _, *fields = (ast.get_docstring(ast.parse(source)) or "").splitlines()
    matter = dict(re.split(r":\s+", field, maxsplit=1) for field in fields)
    assert purpose.endswith(".")
    assert list(matter) == ["Shows", "Exercises", "Run", "Offline"]
    assert all((ROOT / module).is_file() for module in matter["Exercises"].split(", "))
    assert matter["Run"].startswith(f"python examples/{path.name}    (")
    assert matter["Offline"] == f"python -m examples.offline examples/{path.name}"
    assert len(source.splitlines()) <= MAX_LINES


@pytest.mark.parametrize("arguments", [[], ["examples/no_such_example.py"], ["one", "two"]])
def test_offline_says_how_it_is_used(arguments: list[str]) -> None:
    """A wrong call is answered by the right one."""
    done = offline(*arguments)
    assert (done.returncode, done.stderr) == (1, "usage: python -m examples.offline examples/EXAMPLE.py\n")
