"""What the gateway answers by itself: models, tokens counted, responses it keeps, where a request would go.

Each is a function of the state, the request and its body, and returns plain data. Errors are raised.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from anyio import to_thread

from muxi_llm.core.body import body_of
from muxi_llm.errors import InvalidRequestError, refusal, shown_error
from muxi_llm.gateway.requests import object_of
from muxi_llm.kept import requests as kept
from muxi_llm.routes import no_such_model
from muxi_llm.routing.deployments import CAPABILITIES
from muxi_llm.routing.needs import needs_of, tokens_of
from muxi_llm.runtime import preset_calls
from muxi_llm.utils.token_counter import count_tokens
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, WireError
from muxi_llm.wire.reading import SENSELESS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from muxi_llm.gateway.requests import Incoming
    from muxi_llm.gateway.state import State
    from muxi_llm.presets.source import Preset
    from muxi_llm.routing.deployments import Deployment
    from muxi_llm.routing.router import Refusal
    from muxi_llm.wire.base import Json

    Answer = Callable[[State, Incoming, bytes], Coroutine[Any, Any, Any]]


async def models(state: State, incoming: Incoming, content: bytes) -> Json:  # noqa: ARG001 - one shape for all
    """Every name that somebody may ask for, once; `data` as OpenAI and Anthropic list them.

    `models` is there for Codex, which logs an error where it is not, and is empty: an entry would take the
    place of all that Codex knows of a model, its instructions for it too, which nobody here has
    (`base_instructions` in https://github.com/openai/codex, codex-rs/protocol/src/openai_models.rs).
    """
    data = listed(state)
    ends = {"first_id": data[0]["id"], "last_id": data[-1]["id"]} if data else {}
    return {"object": "list", "data": data, "has_more": False, **ends, "models": []}


def listed(state: State) -> list[Json]:
    """Every name that somebody may ask for, once."""
    return [_model(name, deployment) for name, deployment in _named(state).items()]


async def model(state: State, incoming: Incoming, content: bytes) -> Json:  # noqa: ARG001
    """One of them, or one that a pattern stands for."""
    name = incoming.path.removeprefix("/models/")
    deployment = _named(state).get(name)
    if deployment is None:
        serving = state.routes.router.serving(name)
        if not serving:
            raise no_such_model(name)
        deployment = serving[0].deployment
    return _model(name, deployment)


def _named(state: State) -> Mapping[str, Deployment]:
    """The names that are no patterns, each with the first deployment it means."""
    out: dict[str, Deployment] = {}
    for one in state.settings.deployments:
        for name in one.names or (one.deployment.model.partition("/")[2],):
            if not WILD.search(name):
                out.setdefault(name, one.deployment)
    return out


def _model(name: str, deployment: Deployment) -> Json:
    """A model, in the words of whoever lists models. pricing: USD for a million tokens."""
    price = deployment.price or (None, None)
    return {
        "id": name,
        "object": "model",
        "type": "model",
        "display_name": name,
        "created": 0,
        "created_at": "1970-01-01T00:00:00Z",
        "owned_by": deployment.model.partition("/")[0],
        "context_window": deployment.context,
        "capabilities": [can for can in CAPABILITIES if getattr(deployment, can)],
        "pricing": dict(zip(("input", "output"), map(_million, price), strict=True)),
    }


def _million(price: float | None) -> float | None:
    return None if price is None else round(price * 1e6, 6)


async def counted(state: State, incoming: Incoming, content: bytes) -> Json:  # noqa: ARG001
    """Tokens of a request for messages, counted here: on a thread, since the loop has others to serve."""
    return {"input_tokens": await to_thread.run_sync(_tokens, content)}


def _tokens(content: bytes) -> int:
    try:
        body = AnthropicInbound(Ledger("the client")).decode_request(content)
        asked, _ = body_of("chat", {key: body[key] for key in ("messages", "tools") if key in body})
        return int(count_tokens(asked["messages"], body.get("model"), tools=asked.get("tools")))
    except WireError as error:
        raise InvalidRequestError(error.message) from error
    except SENSELESS as error:
        raise InvalidRequestError(f"tools: {shown_error(error)}", param="tools") from error


async def response(state: State, incoming: Incoming, content: bytes) -> Json:  # noqa: ARG001
    """A response that is kept here: itself, its input, or that it is forgotten."""
    query = dict(part.partition("=")[::2] for part in incoming.query.split("&") if part)
    told = await to_thread.run_sync(kept.told, incoming.method, incoming.path, query, incoming.owner)
    if told is None:
        message = f"there is no response {incoming.path.split('/')[2]!r} here"
        raise refusal(404, message, type="invalid_request_error", code="not_found")
    return told


async def explain(state: State, incoming: Incoming, content: bytes) -> Json:  # noqa: ARG001
    """Where a request would go, and why each other deployment would not be asked; nothing is sent."""
    return await to_thread.run_sync(lambda: explained(state, object_of(content), len(content)))


def explained(state: State, body: Json, size: int) -> Json:
    """The same, of a body of so many bytes. From any thread."""
    if not isinstance(body.get("model"), str):
        raise InvalidRequestError("model must be the name of a model", param="model")
    model = body["model"]
    preset = state.presets.of(state.routes.router.serving(model))
    if preset is not None:
        body = preset_calls().into_body(preset, "chat", body, Ledger("the preset"))
    needs = needs_of(body, size, session="", count=lambda: tokens_of(body))
    route = state.routes.explain(model, needs)
    told = None if preset is None else dict(zip(("preset", "revision"), preset.told, strict=True))
    return {
        "model": model,
        "preset": told and {**told, "asks": preset and preset.asked[0]},
        "needs": [name for name in CAPABILITIES if getattr(needs, name)],
        "chosen": [_chosen(state, preset, one.deployment) for one in route.chosen],
        "refused": [_refused(one) for one in route.refused],
    }


def _chosen(state: State, preset: Preset | None, one: Deployment) -> Json:
    model = one.model
    if preset is not None and state.presets.follows(one):
        model = f"{one.model.partition('/')[0]}/{preset.asked[0]['model'].partition('/')[2]}"
    return {"deployment": one.name, "model": model}


def _refused(refusal: Refusal) -> Json:
    return {"deployment": refusal.deployment.name, "why": refusal.why, "seconds": refusal.seconds}


def own(method: str, path: str) -> Answer | None:
    """Who answers that here, if anybody does."""
    asked = f"{method} {path}"
    found = (answer for pattern, answer in PATTERNS if pattern.fullmatch(asked))
    return OWN.get((method, path)) or next(found, None)


# ------------------------------------------------------------------------------------------ tables

OWN: dict[tuple[str, str], Answer] = {
    ("GET", "/models"): models,
    ("POST", "/messages/count_tokens"): counted,
    ("POST", "/control/explain"): explain,
}
PATTERNS: tuple[tuple[re.Pattern[str], Answer], ...] = (
    (re.compile(r"GET /models/.+"), model),
    (
        re.compile(
            r"(GET|DELETE) /responses/[^/]+|GET /responses/[^/]+/input_items|POST /responses/[^/]+/cancel"
        ),
        response,
    ),
)
WILD = re.compile(r"[*?\[]")
