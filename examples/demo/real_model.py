"""The demo's last section: a chain that ends at llama.cpp's own server, which nobody here wrote.

It runs the tiny model (`tiny_model`), whose answers are known beforehand, on a real text: the licence.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from examples.demo.llama_server import LlamaServer
from muxi_llm import ChatCompletion
from muxi_llm.commands.demo.sections import WEATHER_TOOL, ask

if TYPE_CHECKING:
    from muxi_llm.commands.demo.stage import Stage

LICENSE = Path(__file__).parents[2] / "LICENSE"
CHAIN = ["openai/gpt-5.6-luna", "llama_cpp/tiny"]
ANSWER = "Hello from a tiny llama model."
ATTEMPTS = ["openai 503", "llama_cpp answered"]


def missing() -> str | None:
    """Why llama.cpp cannot run here, or None if it can."""
    try:
        import gguf  # noqa: F401
        import xllamacpp  # noqa: F401
    except ImportError as reason:
        return f"{reason} (pip install 'muxi-llm[demo]')"
    return None


def real_model(stage: Stage) -> None:
    """A chain that ends at a real model server: llama.cpp"""
    if reason := missing():
        stage.skip(reason)
        return
    from examples.demo.tiny_model import write_tiny_model  # it needs gguf

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "tiny.gguf")
        write_tiny_model(model)
        with LlamaServer(model) as server:
            os.environ["LLAMA_CPP_BASE_URL"] = server.base_url
            chat(stage)
            stream(stage)
            tool_call(stage)


def chat(stage: Stage) -> None:
    """A real text goes in; how much of it was read is in the usage."""
    text = LICENSE.read_text(encoding="utf-8")[:3000]
    response = ChatCompletion.create(model=CHAIN, messages=ask(f"Summarize this licence.\n\n{text}"))
    stage.call(response.muxi.attempts, expect=ATTEMPTS)
    stage.say("answer", response.choices[0].message.content)
    stage.say("tokens read", response.usage.prompt_tokens)
    stage.check(response.choices[0].message.content == ANSWER, "the model's answer")
    stage.check(response.usage.prompt_tokens > 1000, "the whole text was read")


def stream(stage: Stage) -> None:
    """The next part of it, the answer token by token."""
    text = LICENSE.read_text(encoding="utf-8")[3000:6000]
    chunks = ChatCompletion.create(model=CHAIN, messages=ask(f"And this part?\n\n{text}"), stream=True)
    stage.call(chunks.muxi.attempts, expect=ATTEMPTS)
    answer = stage.stream("answer, token by token", chunks, mark="|")
    stage.check(answer == ANSWER, "the stream is whole")


def tool_call(stage: Stage) -> None:
    """A call that llama.cpp's grammar forces into the tool's schema, and an answer to its result."""
    messages = ask("What is the weather in Paris?")
    response = ChatCompletion.create(model=CHAIN, messages=messages, tools=[WEATHER_TOOL])
    stage.call(response.muxi.attempts, expect=ATTEMPTS)
    message = response.choices[0].message
    call = message.tool_calls[0]
    stage.say("tool call", f"{call.function.name}({call.function.arguments})")
    stage.check(json.loads(call.function.arguments).keys() == {"city", "unit"}, "the tool's schema")

    messages += [message, {"role": "tool", "tool_call_id": call.id, "content": "18 °C and sunny"}]
    response = ChatCompletion.create(model=CHAIN, messages=messages, tools=[WEATHER_TOOL])
    stage.call(response.muxi.attempts, expect=ATTEMPTS)
    stage.say("answer", response.choices[0].message.content)
    stage.check(response.choices[0].message.content == ANSWER, "an answer to the result")
