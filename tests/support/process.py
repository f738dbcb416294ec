"""Scripts run in a process of their own, against a loopback provider."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

from tests.support import bodies
from tests.support.patience import LIFETIME
from tests.support.upstream import Received, Respond, Upstream

ROOT = Path(__file__).parents[2]


def run_script(
    script: str, upstream: Upstream | None = None, *options: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run *script* to its end. options: the interpreter's."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MUXI_LLM_", "OPENAI_", "COV_", "COVERAGE_"))
    }
    if upstream is not None:
        environment = {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": upstream.url, **environment}
    return subprocess.run(
        [sys.executable, *options, "-c", dedent(script)],
        env=inherited | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIFETIME,
        check=False,
    )


def echo(received: Received) -> Respond:
    """A chat provider that says what it was told; a stream says it word by word and then stays open."""
    said = received.json["messages"][-1]["content"]
    if not received.json.get("stream"):
        return Respond(json=bodies.chat(said))
    words = bodies.chat_stream(*(f"{word} " for word in said.split()))
    return Respond(chunks=[*words[:-2], 20.0, *words[-2:]] if said.endswith("wait") else words)
