"""Files and batches: kept at a provider, by ids that nobody but who they were given to can use.

An upload is written to the disk while it comes, and sent from there.
"""

from __future__ import annotations

import re
from contextlib import ExitStack
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import parse_qsl

from anyio import to_thread

from muxi_llm import runtime
from muxi_llm.core.call import TRACING
from muxi_llm.core.options import KEYWORDS
from muxi_llm.errors import InvalidRequestError, MuxiLLMError, refusal, shown
from muxi_llm.gateway.doors import Visit
from muxi_llm.gateway.forms import with_no_paths
from muxi_llm.gateway.keepers import keeper_of, seal_of
from muxi_llm.gateway.refusals import respond
from muxi_llm.gateway.requests import object_of
from muxi_llm.gateway.told import TimedIO
from muxi_llm.inbound import Door
from muxi_llm.routes import ANY, no_such_model
from muxi_llm.stored import seals
from muxi_llm.stored.content import AsyncFileContent
from muxi_llm.stored.late import Tally, of_batches
from muxi_llm.stored.operations import At, operation
from muxi_llm.stored.owned import MARKING, mark, own_page, sealed
from muxi_llm.types.admission import Asked
from muxi_llm.wire.base import WireError, dumps_answer, loads
from muxi_llm.wire.form import FormDecoder
from muxi_llm.wire.openai.chat import OpenAIInbound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.stored.seals import Seal
    from muxi_llm.wire.base import Endpoint, Json


class About(NamedTuple):
    """An operation, and the id in its path."""

    endpoint: Endpoint
    given: dict[str, str]


def about_of(method: str, path: str) -> About | None:
    """What a request asks of files and batches, `None` for any other."""
    if not path.startswith(("/files", "/batches")):
        return None
    asked = f"{method} {path}"
    found = ((pattern.fullmatch(asked), endpoint) for pattern, endpoint in OPERATIONS)
    return next((About(endpoint, match.groupdict()) for match, endpoint in found if match), None)


class Keeping(Visit):
    """One request about files or batches."""

    door = Door("chat", OpenAIInbound)

    def __init__(self, about: About, *visit: Any) -> None:
        """visit: what every one is made of."""
        super().__init__(*visit)
        self._endpoint, self._named = about
        self._held = ExitStack()
        self._file = "", ""
        """Where a content is, and what it is called there."""

    async def __call__(self) -> None:
        """Answer; what was written to the disk for it is there no longer."""
        with self._held:
            await super().__call__()

    async def _read(self) -> Any:
        """What is asked, by the names of arguments."""
        if self._endpoint == "file.create":
            form = FormDecoder(self._incoming.headers.get("content-type", ""), self._sink)
            async for piece in self._incoming.upload():
                self.told.received += len(piece)
                await to_thread.run_sync(form.feed, piece)
            return with_no_paths("file.create", form.finish())
        content = await self._incoming.body()
        self.told.received = len(content)
        return (
            object_of(content) if self._endpoint == "batch.create" else dict(parse_qsl(self._incoming.query))
        )

    def _sink(self) -> IO[bytes]:
        return cast("IO[bytes]", self._held.enter_context(SpooledTemporaryFile(HELD)))

    async def _answered(self, content: Any) -> None:
        try:
            value = await self._value(arguments_of(self._endpoint, {**content, **self._named}))
        except MuxiLLMError as error:
            await self.refuse(error)
            return
        self.told.report = getattr(value, "_muxi", None)  # of what is kept here there is nothing to tell
        if isinstance(value, AsyncFileContent):
            await self._content(value, Tally() if self._admission.counts else None)
            return
        data = dumps_answer(value.model_dump(mode="json", by_alias=True, exclude_none=True, warnings=False))
        await respond(self._send, 200, {"content-type": "application/json"}, data)

    async def _content(self, content: AsyncFileContent, tally: Tally | None) -> None:
        """A file's bytes as they come; one that breaks off is cut here too, for want of a word for it."""
        head = {"status": 200, "headers": [(b"content-type", b"application/octet-stream")]}
        try:
            await self._send({"type": "http.response.start", **head})
            async for piece in content:
                if tally is not None:
                    tally.feed(piece)
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
            if tally is not None:
                self.told.late += tally.over(self._state.routes.places, *self._file)
            await self._send({"type": "http.response.body", "body": b""})
        except MuxiLLMError as error:
            self.told.error = error
        finally:
            await content.close()

    async def refuse(self, error: MuxiLLMError) -> None:
        """Tell the client, unless a content has begun, which is cut."""
        self.told.error = error
        if not self.told.status:
            await super().refuse(error)

    # ----------------------------------------------------------------------------- what is asked

    async def _value(self, given: Json) -> Any:
        runtime.check_kill_switch()
        place, model = await self._place(given)
        told, incoming = self.told, self._incoming
        asked = Asked(incoming.path, told.request_id, told.model, given, told.received, "", (), nobody)
        told.grant = await self._admission.admit(told.principal, asked)
        provider = keeper_of(self._state, place)
        seal = seal_of(self._state, provider, place, self.told.principal.id)
        self.told.io = timed = TimedIO(self._state.port, self.told)
        given = {**given, **self._opened(seal, given), "provider": provider.name, **self._options()}
        self._file = place, str(given.get("file_id", ""))
        if model:
            given["model"] = f"{provider.name}/{model}"
        if seal.owner:
            mark(self._endpoint, seal, given)
        at = At(provider, partial(self._model_at, place))

        async def page(**more: Any) -> Any:
            asked = operation(self._endpoint, {**given, **more}, cast("Any", timed), at)
            return await asked.arun()

        if seal.owner and self._endpoint in LISTS:
            if self._endpoint == "batch.list" and provider.name not in MARKING:
                message = f"batches of {place} cannot be listed for one token alone; keep their ids"
                raise InvalidRequestError(message, param="provider")
            return sealed(seal, await own_page(page, seal, given))
        value = await page()
        if self._admission.counts:
            told.late += of_batches(self._state.routes.places, place, value)
        return sealed(seal, value)

    def _options(self) -> Json:
        settings, headers = self._state.settings, self._incoming.headers
        tracing = {name: value for name, value in headers.items() if name in TRACING}
        how = {"timeout": settings.timeout, "retries": settings.retries, "adapt": settings.mode}
        return {**how, "extra_headers": tracing}

    def _opened(self, seal: Seal, given: Json) -> Json:
        """The ids among the arguments, as the provider knows them."""
        found = {}
        for name in IDS & given.keys():
            kind = self._kind(name)
            found[name] = seal.opened(kind, str(given[name]))
            if found[name] is None:
                raise no_such(kind, given[name], name)
        return found

    def _kind(self, name: str) -> seals.Kind:
        return "batch" if name == "batch_id" or self._endpoint == "batch.list" else "file"

    async def _place(self, given: Json) -> tuple[str, str]:
        """The provider that is meant, as it is configured, and what it calls the model that was named."""
        named = given.pop("provider", None)
        if named is not None and not (isinstance(named, str) and named in self._state.settings.providers):
            known = ", ".join(self._state.settings.providers)
            raise InvalidRequestError(
                f"there is no provider {shown(named)} here; there are: {known}", param="provider"
            )
        for name in IDS & given.keys():
            kind = self._kind(name)
            place = seals.place_of(kind, str(given[name]))
            if place not in self._state.settings.providers or (named or place) != place:
                raise no_such(kind, given[name], name)
            named = place
        model = given.pop("model", None)
        if model is not None:
            self.told.model = str(model)
            places = self._serving(model, named)
            if not places:
                raise no_such_model(str(model))
            return places[0]
        if given.get("purpose") == "batch":
            first = await to_thread.run_sync(first_model, given["file"])
            if places := self._serving(first, named):
                self.told.model, named = first, places[0][0]
        return named or self._only(), ""

    def _only(self) -> str:
        """The one provider that keeps such things here."""
        having = [name for name in self._state.settings.providers if self._keeps(name)]
        if len(having) == 1:
            return having[0]
        if not having:
            raise InvalidRequestError("no provider here keeps files or has batches", param="provider")
        message = f"provider: several keep files here ({', '.join(having)}); say which, or name a model"
        raise InvalidRequestError(message, param="provider")

    def _keeps(self, name: str) -> bool:
        return self._endpoint in keeper_of(self._state, name).endpoints()

    def _serving(self, model: object, place: str | None) -> list[tuple[str, str]]:
        """The providers that serve *model*, *place* alone if it is given, and what they call it."""
        found = []
        for facts in self._state.routes.router.serving(model) if isinstance(model, str) else ():
            ref = self._state.routes.places[facts.deployment.name].candidate.ref
            if place in {None, ref.provider} and self._keeps(ref.provider):
                name = str(model).removeprefix(f"{ref.provider}/") if ref.name == ANY else ref.name
                found.append((ref.provider, name))
        return found

    def _model_at(self, place: str, model: str) -> str:
        """What a line's model is called there. Raises for one that is not served here."""
        found = self._serving(model, place)
        if not found:
            message = f"body.model: {model!r} is not served by {place} here"
            raise InvalidRequestError(message, param="file")
        if self.told.model and model != self.told.model:  # that one was admitted
            message = "body.model: a file asks for one model, this line names another"
            raise InvalidRequestError(message, param="file")
        return found[0][1]


def nobody(model: str) -> Sequence[Candidate]:
    """No other model will do: what is kept is kept where it is."""
    raise no_such_model(model)


def arguments_of(endpoint: Endpoint, given: Json) -> Json:
    """What a client says, as arguments; fields nobody here knows are the provider's own business."""
    known = KNOWN & KEYWORDS[endpoint]
    if "limit" in given:
        if not LIMIT.fullmatch(str(given["limit"])) or not 0 < int(given["limit"]) <= MOST:
            raise InvalidRequestError(f"limit must be a number from 1 to {MOST}", param="limit")
        given["limit"] = int(given["limit"])
    if endpoint not in CREATING:
        return {name: value for name, value in given.items() if name in known}
    unknown = {name: given.pop(name) for name in given.keys() - CREATING[endpoint] - known}
    return {**given, "extra_body": unknown} if unknown else given


def first_model(file: Any) -> Any:
    """The model that the first line of a batch's file names. Blocks."""
    line = file[1].readline(LONGEST_LINE)
    file[1].seek(0)
    try:
        row = loads(line)
        return row["body"]["model"]
    except (WireError, KeyError, TypeError):
        return None  # what is wrong with a line is told when all are looked through


def no_such(kind: seals.Kind, given: object, param: str) -> MuxiLLMError:
    """What is said of an id of nobody's, and of one of another's."""
    message = f"No such {'Batch' if kind == 'batch' else 'File'} object: {str(given)[:LONGEST_ID]}"
    return refusal(404, message, type="invalid_request_error", param=param)


# ------------------------------------------------------------------------------------------ tables

OPERATIONS: Sequence[tuple[re.Pattern[str], Endpoint]] = tuple(
    (re.compile(pattern), cast("Endpoint", endpoint))
    for pattern, endpoint in (
        (r"POST /files", "file.create"),
        (r"GET /files", "file.list"),
        (r"GET /files/(?P<file_id>[^/]+)", "file.retrieve"),
        (r"DELETE /files/(?P<file_id>[^/]+)", "file.delete"),
        (r"GET /files/(?P<file_id>[^/]+)/content", "file.content"),
        (r"POST /batches", "batch.create"),
        (r"GET /batches", "batch.list"),
        (r"GET /batches/(?P<batch_id>[^/]+)", "batch.retrieve"),
        (r"POST /batches/(?P<batch_id>[^/]+)/cancel", "batch.cancel"),
    )
)
IDS = {"file_id", "batch_id", "input_file_id", "after"}
LISTS = {"file.list", "batch.list"}
CREATING: dict[Endpoint, set[str]] = {
    "file.create": {"file", "purpose", "expires_after"},
    "batch.create": {"endpoint", "completion_window", "metadata", "output_expires_after"},
}
KNOWN = {*IDS, "provider", "model", "limit", "order", "purpose"}
HELD = 2**20
"""Bytes of a file that are in memory; what is larger is on the disk."""
LIMIT = re.compile("[0-9]{1,9}")
MOST = 10_000
"""https://platform.openai.com/docs/api-reference/files/list (`limit`)."""
LONGEST_LINE = 2**20
LONGEST_ID = 200
