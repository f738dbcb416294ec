"""The gateway on loopback, with one model behind it that is reached by each of three wires.

The model calls the first tool it is given, answers in JSON where it is asked to, thinks where it may, and
otherwise says hello. It is asked as `openai/m`, `anthropic/claude-m` and `google/m`.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from muxi_llm.routing.router import Rules
from tests.ecosystem.model import filled
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.speakers import SPEAKERS
from tests.support.speakers.base import Asked, Call, Said
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.speakers.base import Speaker

HELLO = "Hello from loopback"
REFUSED = "refuse this"
"""What a question says that the provider refuses."""

WIRES = {
    "openai": ("", "OpenAIChat", "m-openai"),
    "anthropic": ("anthropic", "AnthropicMessages", "claude-m"),
    "gemini": ("google", "GenerateContent", "m-gemini"),
}
"""Wire → kind of provider, its speaker, and what the gateway's clients call the model."""

BRANDS = ("gpt-5", "claude-sonnet-4-5")
"""Suites try more with models of such names: `gpt-5-over-gemini` is that model, too."""

MODELS = {wire: name for wire, (_, _, name) in WIRES.items()}


def answering(speaker: Speaker) -> Callable[[Received], Respond]:
    """A server of that wire with the model behind it."""

    def respond(received: Received) -> Respond:
        try:
            asked = speaker.asked(received.path.partition("?")[0], functions_of(received.json))
        except (AssertionError, LookupError, TypeError) as error:  # what the vendor would not take
            return Respond(400, json=speaker.error(400, f"a bad request: {error!r}"))
        if REFUSED in asked.words:
            return Respond(400, json=speaker.error(400, "the model will not have that"))
        streams = asked.stream or "streamGenerateContent" in received.path
        options = asked.params.get("stream_options") or {}
        usage = speaker is not SPEAKERS["OpenAIChat"] or options.get("include_usage", False)
        reply = speaker.replies(said(asked), stream=streams, usage=usage)[0]
        return reply if streams else Respond(json=whole(reply.json))

    return respond


def functions_of(body: Any) -> Any:
    """A request without tools that the vendor has by itself: this model has none."""
    if not body.get("tools") or "functionDeclarations" in body["tools"][0]:
        return body
    return {**body, "tools": [tool for tool in body["tools"] if tool.keys() & {"input_schema", "function"}]}


def needed(schema: Any) -> Any:
    """What a call must say, and no more."""
    names = schema.get("required", ())
    properties = {name: part for name, part in schema.get("properties", {}).items() if name in names}
    return filled({**schema, "properties": properties}) or {}


def whole(answer: Any) -> Any:
    """An answer with the fields that the vendors' specifications want, and that say nothing here."""
    for choice in answer.get("choices", ()):
        choice["message"] = {"refusal": None, "annotations": [], **choice["message"]}
    if answer.get("type") == "message":
        content = [{**UNSAID.get(block["type"], {}), **block} for block in answer["content"]]
        usage = {**dict.fromkeys(UNTOLD), **answer["usage"]}
        answer = {"stop_details": None, "container": None, **answer, "content": content, "usage": usage}
    return answer


UNSAID = {"text": {"citations": []}, "tool_use": {"caller": {"type": "direct"}}}
UNTOLD = (
    *("cache_creation", "cache_creation_input_tokens", "cache_read_input_tokens", "inference_geo"),
    *("output_tokens_details", "server_tool_use", "service_tier"),
)


def said(asked: Asked) -> Said:
    """What the model answers."""
    results = asked.of("result")
    thinks = any(name in asked.params for name in THINKS)
    reasoning = "Let me see." if thinks else ""
    if asked.schema and not asked.tools:
        return Said(json.dumps(filled(asked.schema)), reasoning=reasoning)
    if asked.tools and asked.choice != "none" and not results:
        name, tool = next(iter(asked.tools.items()))
        schema: Any = tool.get("parameters", tool)
        return Said(None, (Call(name, needed(schema)),), reasoning=reasoning)
    return Said(f"I read: {results[-1][-1]}" if results else HELLO, reasoning=reasoning)


THINKS = ("reasoning_effort", "thinking", "thinkingConfig")


@contextmanager
def world() -> Iterator[tuple[Served, dict[str, Upstream]]]:
    """The gateway, running, and the servers behind it by wire."""
    with ExitStack() as stack:
        upstreams = {
            wire: stack.enter_context(Upstream(answering(SPEAKERS[speaker])))
            for wire, (_, speaker, _) in WIRES.items()
        }
        settings = settings_of(
            *(
                (
                    at(upstreams[wire], kind),
                    deployment(
                        f"{kind or 'own'}/{name}", name, *(f"{brand}-over-{wire}" for brand in BRANDS)
                    ),
                )
                for wire, (kind, _, name) in WIRES.items()
            ),
            rules=Rules("in-order"),
            tokens={"app": "t"},
        )
        yield stack.enter_context(Served(settings)), upstreams
