"""A tiny model for llama.cpp, made on the spot: what it says is known beforehand.

Modules that use it import `tiny` (and what they need of the rest) and run only where llama.cpp has a wheel;
in CI that is everywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from examples.demo.llama_server import LlamaServer

ANSWER = "Hello from a tiny llama model."
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "done": {"type": "boolean"}},
    "required": ["name", "done"],
    "additionalProperties": False,
}

missing = [name for name in ("xllamacpp", "gguf") if find_spec(name) is None]
needs_llama = pytest.mark.skipif(
    bool(missing) and os.environ.get("CI") != "true", reason=f"SKIPPED LOUDLY: no wheel of {missing}"
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's file."""
    from examples.demo.tiny_model import write_tiny_model

    path = tmp_path_factory.mktemp("models") / "tiny.gguf"
    write_tiny_model(path)
    return path


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of `llama-server` by its own variables; they count when a model is loaded."""
    monkeypatch.setenv("LLAMA_ARG_THREADS", "1")
    monkeypatch.setenv("LLAMA_ARG_POOLING", "mean")


@pytest.fixture(scope="session")
def server(tiny: Path) -> Iterator[str]:
    """The base URL of llama.cpp's own server."""
    with LlamaServer(tiny) as running:
        yield running.base_url


@pytest.fixture(scope="session")
def embedder(tiny: Path) -> Iterator[str]:
    """The same for embeddings."""
    with LlamaServer(tiny, embedding=True) as running:
        yield running.base_url
