"""Whose a model is that a client's call names, where no body of the call goes through `inbound`."""

from __future__ import annotations

from typing import Any

from openai.lib.azure import BaseAzureClient

from muxi_llm.candidates import is_meant
from muxi_llm.core.request import ModelRef
from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.inbound import OPENAI_DOORS
from muxi_llm.providers import registry
from muxi_llm.providers.openai import OpenAIProvider


def whose(client: Any, model: Any) -> tuple[ModelRef | None, Any]:
    """Another provider's model; else `None`, and what the client's own server calls it.

    Raises `InvalidModelError` for a prefix that nobody has.
    """
    if not isinstance(model, str) or "/" not in model:
        return None, model
    explicit = client._base != OpenAIProvider.base_url or isinstance(client, BaseAzureClient)
    kind = registry.find(model.partition("/")[0])
    if explicit and (kind is None or kind.name == OpenAIProvider.name or not is_meant(kind)):
        return None, model  # a server of one's own has names of its own
    ref = ModelRef.parse(model, registry.find, hint=registry.hint)
    return (None if ref.provider == OpenAIProvider.name else ref), ref.name


def own_alone(client: Any, options: Any) -> Any:
    """*options* of a request that nobody but the client's own server is asked; a model of another's is
    refused, since that server would be asked for what it does not know. What a server that is not OpenAI's
    serves beside OpenAI's own paths is its own affair.
    """
    url, body = options.url, options.json_data
    if options.method.lower() != "post" or ("POST", url) in OPENAI_DOORS or not isinstance(body, dict):
        return options
    if url not in ALONE and client._base != OpenAIProvider.base_url:
        return options
    within = WITHIN.get(url)
    told = body if within is None else body.get(within)
    if not isinstance(told, dict):
        return options
    model = told.get("model")
    if not isinstance(model, str) or (url not in ALONE and registry.find(model.partition("/")[0]) is None):
        return options
    ref, name = whose(client, model)
    if ref is not None:
        what = ALONE.get(url, url.strip("/"))
        story = f"{what} of {ref.provider} are not to be had here: nobody but OpenAI is asked for them"
        raise UnsupportedParameterError(story, param="model")
    if name == model:
        return options
    named = {**told, "model": name}
    return options.model_copy(update={"json_data": named if within is None else {**body, within: named}})


ALONE = {"/videos": "videos", "/videos/edits": "videos", "/videos/extensions": "videos"}
"""What is made from a model at OpenAI alone, whatever server has the path:
https://platform.openai.com/docs/api-reference/videos."""

WITHIN = {"/realtime/client_secrets": "session"}
"""Where in its body a path names its model, if not at the top:
https://platform.openai.com/docs/api-reference/realtime-sessions/create-realtime-client-secret."""
