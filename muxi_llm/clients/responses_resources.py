"""OpenAI's Responses, with arguments of ours on `create`, `parse` and `stream`.

Apart from the others, and loaded when first used: the module of the originals takes long to load.
"""

from __future__ import annotations

from openai.resources import responses

from muxi_llm.clients.options import replacing
from muxi_llm.clients.resources import METHODS


@replacing(METHODS)
class Responses(responses.Responses):
    """Responses."""


@replacing(METHODS)
class AsyncResponses(responses.AsyncResponses):
    """Responses, async."""
