"""A caller's own SDK client as a transport: its method is called instead of sending bytes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.llmix.dispatching import acalled, called
from muxi_llm.transport.ports import AsyncIO, BlockingIO
from muxi_llm.wire.base import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.core.port import IO
    from muxi_llm.llmix.values import DispatchInput
    from muxi_llm.wire.base import Json, WireCall

    Method = Callable[..., Any]


def client_port(
    client: Any, ask: Callable[[Any, str, Json], Any], asked: DispatchInput, *, blocking: bool
) -> IO:
    """A port over *client*. Its own retries are switched off: the pipeline has them."""
    if _is_a_vendors(client):
        client = client.with_options(max_retries=0, timeout=asked.timeout)

    def send(body: Json) -> Any:
        return ask(client, asked.model, body)

    if blocking:
        return BlockingIO(_Blocking(send, asked.timeout))
    return AsyncIO(_Async(send))


@dataclass(slots=True)
class _Async:
    """On an event loop; a client that is not async works in a thread."""

    ask: Callable[[Json], Any]

    async def send(self, call: WireCall) -> Reply:
        return _reply(await acalled(self.ask, orjson.loads(call.whole)))


@dataclass(slots=True)
class _Blocking:
    """Without an event loop."""

    ask: Callable[[Json], Any]
    timeout: float

    def send(self, call: WireCall) -> Reply:
        return _reply(called(self.ask, orjson.loads(call.whole), timeout=self.timeout))


def _reply(answer: Any) -> Reply:
    headers = {"content-type": "application/json"}
    raw = getattr(answer, "http_response", None)
    if raw is not None:  # openai's and anthropic's raw responses
        headers |= {name.lower(): value for name, value in raw.headers.items()}
        content = raw.content
    elif hasattr(answer, "model_dump_json"):
        content = answer.model_dump_json(by_alias=True, exclude_none=True).encode()
    else:
        content = orjson.dumps(answer)
    return Reply(200, headers, content, received=time.time())


def _ask_openai(client: Any, model: str, body: Json) -> Any:  # noqa: ARG001 - the body names it
    return _ask(client, client.chat.completions, body)


def _ask_anthropic(client: Any, model: str, body: Json) -> Any:  # noqa: ARG001 - the body names it
    # The form is this API version's; clients ask for newer ones, which have no `temperature` any more.
    return _ask(client, client.messages, {**body, "extra_headers": {"anthropic-version": "2023-06-01"}})


def _ask(client: Any, resource: Any, body: Json) -> Any:
    """What `create` returns, with its headers where the client can tell them."""
    create = (resource.with_raw_response if _is_a_vendors(client) else resource).create
    known = signature(create).parameters
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values()):
        return create(**body)
    extra = {name: body.pop(name) for name in body.keys() - known.keys()}
    return create(**body, extra_body=extra or None)


def _is_a_vendors(client: Any) -> bool:
    """Whether it is openai's or anthropic's, or a subclass, and not something of the same shape."""
    return any(kind.__module__.partition(".")[0] in {"openai", "anthropic"} for kind in type(client).__mro__)


def _ask_gemini(client: Any, model: str, body: Json) -> Any:
    """google-genai takes the parts of a request's body as one config."""
    contents = body.pop("contents")
    config = {**body.pop("generationConfig", {}), **body}
    return client.models.generate_content(model=model, contents=contents, config=config)


CLIENTS: dict[str, Callable[[Any, str, Json], Any]] = {
    **dict.fromkeys(("openai", "openrouter", "deepinfra", "novita", "together", "vllm"), _ask_openai),
    "anthropic": _ask_anthropic,
    "google": _ask_gemini,
}
"""How a client of each provider's is asked."""
