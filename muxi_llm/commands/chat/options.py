"""What `chat` and `ask` can be told on the command line, and what that comes to."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from muxi_llm.candidates import is_meant
from muxi_llm.commands.chat import attachments
from muxi_llm.commands.chat.attachments import Content, Misunderstood
from muxi_llm.commands.chat.conversation import Conversation
from muxi_llm.commands.chat.tools import Tools
from muxi_llm.commands.completion import models
from muxi_llm.core.options import check_keywords
from muxi_llm.providers import registry

__all__ = ["Misunderstood", "add", "content_of", "conversation_of"]


def add(command: argparse.ArgumentParser) -> None:
    """The arguments of both."""
    command.add_argument(
        "prompt", nargs="*", metavar="TEXT", help="what to ask; what comes through a pipe is added"
    )
    model = command.add_argument(
        "-m", "--model", action="append", metavar="MODEL",
        help="provider/name; again for a fallback; default: MUXI_LLM_MODEL, or one whose key is there",
    )  # fmt: skip
    vars(model)["completer"] = models  # argcomplete looks for it there
    command.add_argument("-s", "--system", metavar="TEXT", help="how the model is to behave")
    command.add_argument(
        "-a",
        "--attach",
        action="append",
        default=[],
        metavar="FILE",
        help="an image, PDF, sound or text; or a URL",
    )
    command.add_argument(
        "--tools", type=Path, metavar="FILE.py", help="Python whose public functions the model may call"
    )
    command.add_argument("--temperature", type=float, metavar="N")
    command.add_argument("--max-tokens", type=int, metavar="N", help="the longest answer")
    command.add_argument("--reasoning-effort", metavar="HOW", help="low, medium, high: how long to think")
    command.add_argument("--timeout", type=float, metavar="SECONDS", help="for each attempt")
    command.add_argument(
        "--param",
        action="append",
        default=[],
        type=_pair,
        metavar="NAME=JSON",
        help="any other parameter: seed=3",
    )


def conversation_of(given: argparse.Namespace) -> Conversation:
    """A conversation with nothing said. Raises `Misunderstood`."""
    said = {name: value for name in PARAMETERS if (value := getattr(given, name)) is not None}
    params: dict[str, Any] = {**said, **_others(dict(given.param))}
    if getattr(given, "schema", None):
        schema = {"name": given.schema.stem, "schema": _schema(given.schema)}
        params["response_format"] = {"type": "json_schema", "json_schema": schema}
    tools = Tools.of(given.tools) if given.tools else Tools({})
    return Conversation(given.model or _models(), params, tools, system=given.system)


def content_of(given: argparse.Namespace) -> Content:
    """The message of the command line and of the pipe; empty where there is none. Raises `Misunderstood`."""
    text = " ".join(given.prompt)
    if not sys.stdin.isatty():
        piped = sys.stdin.read()
        text = "\n\n".join(part for part in (text, piped.strip()) if part)
    return attachments.content_of(text, given.attach)


def _others(params: dict[str, Any]) -> dict[str, Any]:
    """What `--param` says, if a chat can be asked so. Raises `Misunderstood`."""
    if said := SAID_OTHERWISE.keys() & params.keys():
        name = min(said)
        raise Misunderstood(f"--param {name}: {SAID_OTHERWISE[name]}")
    try:
        check_keywords("chat", params)
    except TypeError as error:
        raise Misunderstood(f"--param: {error}") from None
    return params


def _models() -> list[str]:
    if chosen := os.environ.get("MUXI_LLM_MODEL", "").split():
        return chosen
    meant = [name for name in registry.names() if (kind := registry.find(name)) and is_meant(kind)]
    for name, model in SUGGESTED.items():
        if name in meant:
            return [f"{name}/{model}"]
    if meant:
        raise Misunderstood(
            f"which model of {meant[0]}? -m {meant[0]}/NAME; `muxi-llm models {meant[0]}` lists them"
        )
    raise Misunderstood(
        "no provider has a key yet. Set one (export OPENAI_API_KEY=sk-...; `muxi-llm providers` names all), "
        "or try without: muxi-llm demo chat"
    )


def _schema(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misunderstood(f"--schema: {path} is no JSON schema: {error}") from None


def _pair(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=JSON")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value  # a word needs no quotes


NOTHING = 'nothing is asked; give a question: muxi-llm ask "Name a planet"'

SAID_OTHERWISE = {
    "model": "a model is named by -m",
    "messages": "what is said stands behind the options, or comes through a pipe",
    "stream": "answers stream in any case",
}

PARAMETERS = ("temperature", "max_tokens", "reasoning_effort", "timeout")

SUGGESTED = {
    "openai": "gpt-5.6-luna",
    "anthropic": "claude-sonnet-5",
    "google": "gemini-3.5-flash",
    "groq": "openai/gpt-oss-120b",
    "mistral": "mistral-medium-latest",
    "ollama": "llama3.2",
}
"""A model to begin with where none is named, in this order, of the first that is configured."""
