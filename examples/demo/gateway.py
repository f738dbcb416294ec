"""The demo's gateway: `muxi-llm serve` with each dialect of configuration, asked by OpenAI's own client and
by Anthropic's protocol.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import openai

from muxi_llm.commands.demo.sections import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.commands.demo.stage import Stage

YAML = """
providers:
  - {name: first, type: openai, base_url: "${OPENAI_BASE_URL}", models: [{name: smart, model: gpt-5.6-luna}]}
  - {name: second, type: anthropic, base_url: "${ANTHROPIC_BASE_URL}",
     models: [{name: smart, model: claude-sonnet-5}]}
routing: {strategy: in-order, retry_count: 0}
auth: {enabled: true, tokens: {demo: secret-of-the-demo}}
"""

TOML = """
[provider.google]
[provider.anthropic]

[[backend]]
model = "google:gemini-3.5-flash"
context = 128000
model_match = ["*haiku*"]

[[backend]]
model = "anthropic:claude-sonnet-5"
vision = true
thinking = true

[tokens]
demo = "secret-of-the-demo"
"""
TOKEN = "secret-of-the-demo"


def gateway(stage: Stage) -> None:
    """The gateway: both dialects of configuration, both protocols, and who answered"""
    missing = next((name for name in ("uvicorn", "ruamel") if find_spec(name) is None), "")
    if missing:
        stage.skip(f"the gateway needs {missing} (pip install 'muxi-llm[gateway]')")
        return
    rows = []
    with serving("config.yaml", YAML) as url:
        client = openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0)
        question = ask("What is a gateway?")
        raw = client.chat.completions.with_raw_response.create(model="smart", messages=question)
        rows.append(("OpenAI's client", "smart", raw.headers))
        stage.say("answer", raw.parse().choices[0].message.content)
    with serving("config.toml", TOML) as url:
        for model in ("claude-haiku-4-5", "claude-opus-4-8"):
            body = {"model": model, "max_tokens": 99, "messages": ask("Who are you?")}
            reply = httpx2.post(f"{url}/v1/messages", json=body, headers={"x-api-key": TOKEN})
            rows.append(("Anthropic's protocol", model, reply.headers))
            stage.check(reply.json().get("type") == "message", f"{model} answers with a message")
    stage.requests(expect=["openai 503", "anthropic 200", "google 200", "anthropic 200"])
    told = [(who, asked, headers["x-muxi-model"], headers["x-muxi-attempts"]) for who, asked, headers in rows]
    for who, asked, answered, attempts in told:
        stage.say(f"{who}, {asked}", f"{answered}, attempt {attempts}")
    answered = [model for _, _, model, _ in told]
    expected = ["second/claude-sonnet-5", "google/gemini-3.5-flash", "anthropic/claude-sonnet-5"]
    stage.check(answered == expected, f"answered by {answered}")


@contextmanager
def serving(name: str, content: str) -> Iterator[str]:
    """A gateway with that configuration, in a process of its own: its URL."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, name)
        config.write_text(content, encoding="utf-8")
        command = [sys.executable, "-m", "muxi_llm", "serve", "--config", str(config), "--port", "0"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            try:
                yield _url_of(process)
            finally:
                process.send_signal(signal.SIGINT)


def _url_of(process: Any) -> str:
    for line in process.stdout:
        if found := re.search(r"listening on (\S+)", line):
            url = found[1]
            break
    else:
        raise RuntimeError("the gateway did not start")
    with httpx2.Client(transport=httpx2.HTTPTransport(retries=10)) as client:
        client.get(f"{url}/health/live")
    return str(url)
