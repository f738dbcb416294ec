"""Anthropic's resources, with arguments of ours on `create`, `parse` and `stream`; and which of the
requests they make may be ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial, wraps
from typing import TYPE_CHECKING, Any

from anthropic.resources import beta, messages
from anthropic.resources.beta import messages as beta_messages

from muxi_llm import config, harness, inbound
from muxi_llm.clients.answers import telling_in_the_end
from muxi_llm.clients.options import replacing, taking_options
from muxi_llm.providers.anthropic import AnthropicProvider
from muxi_llm.wire.anthropic.foreign import holds_foreign
from muxi_llm.wire.anthropic.inbound import AnthropicInbound

if TYPE_CHECKING:
    from muxi_llm.providers.base import Provider


def taking_chain(theirs: type, name: str) -> Any:
    """The method *name* of *theirs*, taking arguments of ours too, and a list as `model`: it looks the
    name up in tables.
    """
    original = taking_options(theirs, name, ("model", "max_tokens"))

    @wraps(original)
    def method(self: Any, *args: Any, **params: Any) -> Any:
        if isinstance(params.get("model"), list | tuple):
            params["model"], *rest = params["model"]
            params["fallback_models"] = [*rest, *(params.get("fallback_models") or ())]
        return original(self, *args, **params)

    return method


METHODS: dict[str, Any] = dict.fromkeys(("create", "parse"), taking_chain)
METHODS["stream"] = partial(telling_in_the_end, "anthropic", taking_chain)
BETA_METHODS = METHODS | dict.fromkeys(("tool_runner", "thread"), taking_chain)


@replacing(METHODS)
class Messages(messages.Messages):
    """Messages."""


@replacing(METHODS)
class AsyncMessages(messages.AsyncMessages):
    """Messages, async."""


@replacing(BETA_METHODS)
class BetaMessages(beta_messages.Messages):
    """Messages with what is in beta."""


@replacing(BETA_METHODS)
class AsyncBetaMessages(beta_messages.AsyncMessages):
    """Messages with what is in beta, async."""


class Beta(beta.Beta):
    """`client.beta`."""

    @cached_property
    def messages(self) -> BetaMessages:
        """Messages."""
        return BetaMessages(self._client)


class AsyncBeta(beta.AsyncBeta):
    """`client.beta`, async."""

    @cached_property
    def messages(self) -> AsyncBetaMessages:
        """Messages."""
        return AsyncBetaMessages(self._client)


def may_be_ours(options: Any, ours: Mapping[str, Any]) -> bool:
    """Whether a request could be for another provider, told without building it."""
    body, path = options.json_data, options.url.partition("?")[0]
    if options.method.lower() != "post" or path not in DOORS or not isinstance(body, Mapping):
        return False
    model = body.get("model")
    return bool(
        ours
        or (isinstance(model, str) and "/" in model)
        or harness.settings() is not None
        or config.credentials(VENDOR).keys
        or config.settings().fallback.default_chains.get("chat")
        or holds_foreign(body.get("messages"))
    )


def marked(options: Any) -> Any:
    """*options* with a header that says the request may be ours."""
    return options.model_copy(update={"headers": {**(options.headers or {}), MARK: ""}})


def bare(options: Any, exchange: inbound.Exchange) -> Any:
    """*options* for Anthropic itself, to which a model's name has no prefix."""
    model = exchange.prepared.candidates[0].ref.name
    return options.model_copy(update={"json_data": {**options.json_data, "model": model}})


def asks_own(body: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    """Whether the client's own server may be asked, which needs the client's credentials."""
    names = [body.get("model"), *(ours.get("fallback_models") or ())]
    return any(isinstance(name, str) and name.rpartition("/")[0] in {"", "anthropic"} for name in names)


VENDOR: type[Provider] = AnthropicProvider
MARK = "x-muxi-llm"
COUNT = inbound.Door("chat", AnthropicInbound)
DOORS = {
    **{path: door for (_, path), door in inbound.ANTHROPIC_DOORS.items()},
    "/v1/messages/count_tokens": COUNT,
}
