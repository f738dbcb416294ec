"""Files and batches of a drop-in client, where they are another provider's: by `provider=`, by their ids, by
a model that is named.

What names OpenAI, or nobody, is not looked at any further, and goes the original's own way.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx2
import orjson

from muxi_llm.candidates import is_meant
from muxi_llm.clients.answers import REPORT
from muxi_llm.core.call import TRACING
from muxi_llm.core.options import NO_TIMEOUT, present
from muxi_llm.errors import InvalidRequestError
from muxi_llm.inbound import DEFAULT_RETRIES
from muxi_llm.providers import registry
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.stored.content import AsyncFileContent, FileContent
from muxi_llm.stored.ids import OWN
from muxi_llm.stored.operations import operation
from muxi_llm.wire.base import dumps_answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from contextlib import ExitStack

    from muxi_llm.stored.operations import Operation
    from muxi_llm.wire.base import Endpoint, Json

FORM = "muxi_llm.form"
"""The request extension that carries the form as it was given: fields and files, nothing of it read yet."""


def operation_of(client: Any, request: Any, options: Mapping[str, Any]) -> Operation | None:
    """The request as one of another provider's, `None` where it is for the client's own server.

    options: arguments of ours. Raises before any I/O what that provider cannot be asked.
    """
    found = _found(client, request)
    if found is None:
        return None
    endpoint, given = found
    provider = options.get("provider")
    if provider in {None, OWN} and not _is_anothers(client, given):
        return None
    if endpoint is None:
        raise InvalidRequestError(
            "uploads: OpenAI alone takes a file in parts; client.files.create sends it as it is, in pieces",
            param="provider",
        )
    seconds = (request.extensions.get("timeout") or {}).get("read")
    given |= present(options)
    given["timeout"] = NO_TIMEOUT if seconds is None else seconds
    if client.max_retries != DEFAULT_RETRIES:
        given.setdefault("retries", client.max_retries)
    given["extra_headers"] = {name: value for name, value in request.headers.items() if name in TRACING}
    return operation(endpoint, given, client._port)


def form_of(options: Any) -> tuple[Json, Any]:
    """A file to be sent, as the client's method was given it."""
    fields = {**(options.json_data or {}), **(options.extra_json or {})}
    return fields, dict(options.files).get("file")


def _found(client: Any, request: Any) -> tuple[Endpoint | None, Json] | None:
    base = client.base_url.raw_path.decode().rstrip("/")
    path = request.url.raw_path.decode().partition("?")[0]
    if not path.startswith(base):
        return None
    for method, pattern, endpoint in DOORS:
        about = pattern.fullmatch(path[len(base) :])
        if about is not None and method == request.method:
            named = {name: unquote(value) for name, value in about.groupdict().items()}
            return endpoint, {**_said(endpoint, request), **named}
    return None


def _said(endpoint: Endpoint | None, request: Any) -> Json:
    """What is asked besides an id."""
    if endpoint == "file.create":
        fields, file = request.extensions.get(FORM) or ({}, None)
        return {**fields, "file": file}
    if endpoint == "batch.create":
        try:
            body = orjson.loads(request.content)
        except orjson.JSONDecodeError:
            return {}
        return body if isinstance(body, dict) else {}
    if endpoint in {"file.list", "batch.list"}:
        query = dict(request.url.params)
        return {**query, **({"limit": int(query["limit"])} if query.get("limit", "").isdecimal() else {})}
    return {}


def _is_anothers(client: Any, given: Json) -> bool:
    """Whether an id or a model in it says another provider's name; at a server of the caller's own, one that
    he has configured: such ids may be that server's.
    """
    names = [str(given[name]) for name in NAMING if isinstance(given.get(name), str)]
    kinds = [registry.find(name.partition("/")[0]) for name in names if "/" in name]
    others = [kind for kind in kinds if kind is not None and kind.name != OWN]
    is_own = str(client.base_url).rstrip("/") == OpenAIProvider.base_url
    return any(is_own or is_meant(kind) for kind in others)


# ------------------------------------------------------------------------------------------ answers


def response(request: Any, value: Any, *, stream: bool) -> httpx2.Response:
    """The answer as the HTTP response the vendor's own code goes on with."""
    report = getattr(value, "_muxi", None)  # of what is kept here there is nothing to tell
    content = dumps_answer(value.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False))
    body: Any = {"stream": httpx2.ByteStream(content)} if stream else {"content": content}
    headers = {"content-type": "application/json"}
    if report is not None:
        headers |= {"x-muxi-model": report.model, "x-muxi-attempts": str(len(report.attempts))}
    return httpx2.Response(200, headers=headers, request=request, extensions={REPORT: report}, **body)


def answered(request: Any, value: Any, *, stream: bool) -> httpx2.Response:
    """The answer; of a file's bytes, as they come if the vendor's code reads them by itself."""
    if not isinstance(value, FileContent):
        return response(request, value, stream=stream)
    body: Any = {"stream": _Body(value)} if stream else {"content": value.read()}
    return httpx2.Response(200, headers=OCTETS, request=request, extensions={REPORT: None}, **body)


async def aanswered(request: Any, value: Any, *, stream: bool) -> httpx2.Response:
    """`answered`, async."""
    if not isinstance(value, AsyncFileContent):
        return response(request, value, stream=stream)
    body: Any = {"stream": _AsyncBody(value)} if stream else {"content": await value.read()}
    return httpx2.Response(200, headers=OCTETS, request=request, extensions={REPORT: None}, **body)


class _Body(httpx2.SyncByteStream):
    def __init__(self, content: FileContent) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._content)

    def close(self) -> None:
        self._content.close()


class _AsyncBody(httpx2.AsyncByteStream):
    def __init__(self, content: AsyncFileContent) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._content)

    async def aclose(self) -> None:
        await self._content.close()


def opened(file: Any, stack: ExitStack) -> Any:
    """*file* for a vendor's method, which would read what it is given by its path as a whole."""
    if isinstance(file, os.PathLike):
        return stack.enter_context(Path(file).open("rb"))
    if isinstance(file, tuple) and len(file) > 1 and isinstance(file[1], os.PathLike):
        return (file[0], opened(file[1], stack), *file[2:])
    return file


# ------------------------------------------------------------------------------------------ tables

OCTETS = {"content-type": "application/octet-stream"}
NAMING = ("file_id", "batch_id", "input_file_id", "after", "model")

DOORS: list[tuple[str, re.Pattern[str], Any]] = [
    (method, re.compile(pattern), endpoint)
    for method, pattern, endpoint in (
        ("POST", "/files", "file.create"),
        ("GET", "/files", "file.list"),
        ("GET", "/files/(?P<file_id>[^/]+)", "file.retrieve"),
        ("GET", "/files/(?P<file_id>[^/]+)/content", "file.content"),
        ("DELETE", "/files/(?P<file_id>[^/]+)", "file.delete"),
        ("POST", "/batches", "batch.create"),
        ("GET", "/batches", "batch.list"),
        ("GET", "/batches/(?P<batch_id>[^/]+)", "batch.retrieve"),
        ("POST", "/batches/(?P<batch_id>[^/]+)/cancel", "batch.cancel"),
        ("POST", "/uploads(/.*)?", None),
    )
]
"""Requests about files and batches, below the client's base URL. `None`: what nobody else has."""
