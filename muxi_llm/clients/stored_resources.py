"""`client.files`, `client.batches`, `client.uploads`, with arguments of ours, `provider=` above all."""

from __future__ import annotations

from contextlib import ExitStack
from functools import wraps
from typing import Any

from openai.resources import batches, files
from openai.resources.uploads import uploads

from muxi_llm.clients.options import replacing, taking_options
from muxi_llm.clients.stored import opened
from muxi_llm.stored.ids import OWN


def sending(theirs: type, name: str) -> Any:
    """A sync `create` of files that reads none of what it is given by its path."""
    original = taking_options(theirs, name)

    @wraps(original)
    def create(self: Any, *args: Any, **params: Any) -> Any:
        with ExitStack() as stack:
            return original(self, *args, **readable(self, params, stack))

    return create


def asending(theirs: type, name: str) -> Any:
    """`sending`, async."""
    original = taking_options(theirs, name)

    @wraps(original)
    async def create(self: Any, *args: Any, **params: Any) -> Any:
        with ExitStack() as stack:
            return await original(self, *args, **readable(self, params, stack))

    return create


def readable(resource: Any, params: dict[str, Any], stack: ExitStack) -> dict[str, Any]:
    """*params*, the file opened where another provider is to have it."""
    named = params.get("provider") or resource._client._options_of_ours.get("provider")
    is_anothers = named not in {None, OWN} and "file" in params
    return {**params, "file": opened(params["file"], stack)} if is_anothers else params


OF_FILES = dict.fromkeys(("list", "retrieve", "content", "delete"), taking_options)
OF_BATCHES = dict.fromkeys(("create", "list", "retrieve", "cancel"), taking_options)


@replacing({**OF_FILES, "create": sending})
class Files(files.Files):
    """Files."""


@replacing({**OF_FILES, "create": asending})
class AsyncFiles(files.AsyncFiles):
    """Files, async."""


@replacing(OF_BATCHES)
class Batches(batches.Batches):
    """Batches."""


@replacing(OF_BATCHES)
class AsyncBatches(batches.AsyncBatches):
    """Batches, async."""


@replacing({"create": taking_options})
class Uploads(uploads.Uploads):
    """Uploads in parts, which OpenAI alone has."""


@replacing({"create": taking_options})
class AsyncUploads(uploads.AsyncUploads):
    """Uploads in parts, async."""
