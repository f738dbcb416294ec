"""`client.models.list()`: OpenAI's own models, then those of every other provider that is configured.

Only for a client of OpenAI itself: what a server of the client's own serves is its own affair. Another
provider's models are named as `model=` wants them, `provider/model`. One that cannot be asked is left out
and logged; OpenAI's own error is the call's.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.clients.answers import local
from muxi_llm.errors import MuxiLLMError
from muxi_llm.providers import registry
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.runtime import is_configured, log, prepare_models
from muxi_llm.wire.base import Json, dumps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.models import ModelList


def others(request: Any) -> list[str]:
    """The other providers whose models belong into the answer; none for any other request."""
    if request.method != "GET" or not request.url.path.endswith("/models"):
        return []
    if str(request.url).partition("?")[0] != f"{OpenAIProvider.base_url}/models":
        return []
    return [
        kind.name
        for kind in registry.own()
        if kind.name != OpenAIProvider.name and "models" in kind.wires and is_configured(kind)
    ]


def listed(names: Sequence[str]) -> list[ModelList | MuxiLLMError]:
    """What each of *names* serves, or why it could not be asked."""
    return [_asked(name) for name in names]


def _asked(name: str) -> Any:
    try:
        return prepare_models(name).run()
    except MuxiLLMError as error:
        return error


async def alisted(names: Sequence[str]) -> list[ModelList | MuxiLLMError]:
    """`listed`, all at once."""
    lists = [prepare_models(name).arun() for name in names]
    found = await asyncio.gather(*lists, return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, MuxiLLMError):
            raise one
    return found  # type: ignore[return-value]  # mypy does not follow the loop


def merged(request: Any, own: Any, names: Sequence[str], lists: Sequence[Any], *, stream: bool) -> Any:
    """One response with everyone's models. own: OpenAI's, read; `None` for a client without its key."""
    answer: Json = {"object": "list", "data": []} if own is None else orjson.loads(own.content)
    for name, found in zip(names, lists, strict=True):
        if isinstance(found, MuxiLLMError):
            log.info("the models of %s are not in the list: %s", name, type(found).__name__)
        else:
            answer["data"] += [{**model.to_dict(), "id": f"{name}/{model.id}"} for model in found.data]
    return local(request, dumps(answer), stream=stream)
