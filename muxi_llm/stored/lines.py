"""The lines of a batch's file, OpenAI's, as another service takes them: checked and written one by one.

They go into a file of their own, so that the largest needs no more memory than its longest line.

What is wrong with a line is told by its number, before anything is sent.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import orjson

from muxi_llm.core.adapt import adapt
from muxi_llm.core.body import body_of
from muxi_llm.core.options import KEYWORDS
from muxi_llm.core.request import Request
from muxi_llm.core.tools import ABOUT_TOOLS, fitted
from muxi_llm.errors import InvalidModelError, InvalidRequestError, UnsupportedParameterError, shown
from muxi_llm.models import Adaptation
from muxi_llm.providers import registry
from muxi_llm.stored.content import Cut
from muxi_llm.transport.files import OpenSource
from muxi_llm.wire.base import Ledger, dumps
from muxi_llm.wire.upload import File

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from muxi_llm.config import Mode
    from muxi_llm.core.request import Candidate
    from muxi_llm.wire.base import Endpoint, Json, Wire
    from muxi_llm.wire.batch_lines import Lines


class Translated(NamedTuple):
    """A batch's file as a service takes it. url: what its lines ask, without `/v1`. model: theirs, "" where
    they have several.
    """

    file: File
    url: str
    model: str
    adaptations: tuple[Adaptation, ...]


def translated(
    given: File,
    candidate: Candidate,
    lines: type[Lines],
    held: IO[bytes],
    *,
    mode: Mode,
    wanted: str | None = None,
    model_of: Callable[[str], str] | None = None,
) -> Translated:
    """*given* for the candidate's provider, written into *held*. wanted: what its lines must ask, if that is
    said already. model_of: what a model that they name is called there, where not by its own name.

    The candidate's model is for lines that name none. Blocks. Raises `InvalidRequestError`.
    """
    writing = _Writing(candidate, lines, mode, wanted)
    writing.model_of = model_of
    size = held.write(lines.begin)
    count = 0
    for number, line in numbered(given):
        try:
            said = writing.line(line)
        except (InvalidRequestError, InvalidModelError) as error:
            kind = type(error) if isinstance(error, UnsupportedParameterError) else InvalidRequestError
            raise kind(f"file, line {number}: {error.message}", param="file") from error
        size += held.write(lines.between + said if count else said)
        count += 1
        writing.told(number)
        _check_most(candidate, lines, count, size)
    held.write(lines.end)
    if not count:
        raise InvalidRequestError("file has no lines", param="file")
    held.seek(0)
    source = OpenSource(held, "file")
    model = next(iter(writing.models)) if len(writing.models) == 1 else ""
    return Translated(File(given.name, JSONL, source), writing.url, model, writing.adaptations())


def numbered(file: File) -> Iterator[tuple[int, bytes]]:
    """The lines with something in them, from 1 on."""
    for number, line in enumerate(_lines(file), 1):
        said = line.removeprefix(MARK) if number == 1 else line
        if said.strip():
            yield number, said


def _lines(file: File) -> Iterator[bytes]:
    cut = Cut()
    for piece in [file.source] if isinstance(file.source, bytes) else file.source.pieces():
        yield from cut.feed(piece)
    yield cut.end()


def _check_most(candidate: Candidate, lines: type[Lines], count: int, size: int) -> None:
    name = candidate.ref.provider
    if lines.most_requests is not None and count > lines.most_requests:
        raise InvalidRequestError(
            f"file: {name} takes {lines.most_requests:,} requests in a batch; split it", param="file"
        )
    if lines.most_bytes is not None and size > lines.most_bytes:
        megabytes = lines.most_bytes // 1_048_576
        raise InvalidRequestError(f"file: {name} takes {megabytes:,} MB in a batch; split it", param="file")


class _Writing:
    """One file, line by line. url: what its lines ask; models: theirs."""

    def __init__(self, candidate: Candidate, lines: type[Lines], mode: Mode, wanted: str | None) -> None:
        self._candidate = candidate
        self._lines = lines
        self._mode = mode
        self._ids: set[str] = set()
        self._ledger = Ledger(candidate.ref.provider, strict=mode == "strict")
        self._changes: dict[Adaptation, list[int]] = {}
        self.url = wanted or ""
        self.models: set[str] = set()
        self.model_of: Callable[[str], str] | None = None

    def line(self, data: bytes) -> bytes:
        """One line as the service takes it."""
        try:
            row = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            raise InvalidRequestError(f"no JSON, at column {error.colno}: {error.msg}") from None
        if not isinstance(row, dict):
            raise InvalidRequestError("it must be an object with custom_id, method, url and body")
        custom_id = self._id(row.get("custom_id"))
        body = row.get("body")
        if not isinstance(body, dict):
            raise InvalidRequestError(f"body must be an object, not {shown(body)}")
        if str(row.get("method", "POST")).upper() != "POST":
            raise InvalidRequestError("method must be POST")
        endpoint = self._endpoint(row.get("url"))
        model = self._model(body.get("model"))
        if body.get("stream"):
            raise InvalidRequestError("body.stream: a batch does not stream")
        asked = {name: value for name, value in body.items() if name not in {"model", "stream"}}
        if endpoint is None:
            return self._lines.line(custom_id, self.url, dumps({"model": model, **asked}))
        return self._lines.line(custom_id, self.url, self._encoded(endpoint, model, asked))

    def _id(self, custom_id: Any) -> str:
        if not isinstance(custom_id, str) or not custom_id:
            raise InvalidRequestError(f"custom_id must be a string, not {shown(custom_id)}")
        if custom_id in self._ids:
            raise InvalidRequestError("its custom_id is that of a line before")
        self._ids.add(custom_id)
        if self._lines.ids is not None and not self._lines.ids[0].fullmatch(custom_id):
            raise InvalidRequestError(
                f"{self._candidate.ref.provider} takes a custom_id of {self._lines.ids[1]}"
            )
        return custom_id

    def _endpoint(self, url: Any) -> Endpoint | None:
        """Whose codec writes the line; the first one says what all of them ask."""
        asked = path_of(url) if url is not None else self.url or next(iter(self._lines.endpoints))
        check_endpoint(self._candidate.ref.provider, self._lines, asked, "url")
        if self.url and asked != self.url:
            raise InvalidRequestError(f"url: the batch asks {self.url}, this line {asked}")
        self.url = asked
        return self._lines.endpoints[asked]

    def _model(self, named: Any) -> str:
        """The model, without the provider's name before it."""
        ref = self._candidate.ref
        if named is None and ref.name != ANY:
            named = ref.name
        if not isinstance(named, str) or not named:
            raise InvalidRequestError("body.model is missing, and there is no model= for all lines")
        model = self._bare(named) if self.model_of is None or ref.name == named else self.model_of(named)
        self.models.add(model)
        if self._lines.one_model and len(self.models) > 1:
            raise InvalidRequestError(
                f"body.model: a batch of {ref.provider} is of one model, this line names another"
            )
        return model

    def _bare(self, named: str) -> str:
        ref = self._candidate.ref
        prefix, slash, rest = named.partition("/")
        kind = registry.find(prefix) if slash and rest else None
        if kind is not None and (kind.name == ref.provider or not self._candidate.provider.namespaced_models):
            if kind.name != ref.provider:
                raise InvalidRequestError(f"body.model is of {kind.name}; the file is for {ref.provider}")
            return rest
        return named

    def _encoded(self, endpoint: Endpoint, model: str, asked: Json) -> bytes:
        """The body in the provider's own form, as a call of its own would have it."""
        provider = self._candidate.provider
        extra = {name: asked.pop(name) for name in asked.keys() - KEYWORDS[endpoint]}
        body, needs = body_of(endpoint, asked)
        request = Request(endpoint, body, needs=needs, mode=self._mode)
        wire = self._wire(endpoint, model)
        if not needs.isdisjoint(ABOUT_TOOLS):
            request, _ = fitted(request, provider, self._ledger)
        fit, _ = adapt(request, provider, wire.profile, self._ledger)
        return provider.prepare(wire, fit, stream=False, extra=extra).whole

    def _wire(self, endpoint: Endpoint, model: str) -> Wire:
        provider, kind = self._candidate.provider, self._lines.chat
        if endpoint == "chat" and kind is not None:
            return kind(model, self._ledger, provider.profile(model))
        return provider.wire_for(endpoint, model, self._ledger)

    def told(self, number: int) -> None:
        """What was changed in this line."""
        for entry in self._ledger.entries:
            self._changes.setdefault(entry, []).append(number)
        self._ledger.entries.clear()

    def adaptations(self) -> tuple[Adaptation, ...]:
        """What was changed, and in which lines."""
        return tuple(
            Adaptation(f"file[{ranges(lines)}].{entry.param}", entry.action, entry.detail, entry.loss)
            for entry, lines in self._changes.items()
        )


def ranges(numbers: list[int]) -> str:
    """Rising *numbers* as people write them: `1-3, 7`; of very many, how many there are."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and spans[-1][1] >= number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    if len(spans) > SPANS:
        return f"{len(numbers)} lines from {numbers[0]} to {numbers[-1]}"
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def path_of(url: Any) -> str:
    """What an endpoint is called here: without `/v1`, whoever writes it."""
    return re.sub(r"^/?(v1/)?", "/", url) if isinstance(url, str) else shown(url)


def check_endpoint(provider: str, lines: type[Lines], asked: str, param: str) -> None:
    """Refuse what *provider*'s batches cannot ask."""
    if asked not in lines.endpoints:
        known = ", ".join(f"/v1{path}" for path in lines.endpoints)
        raise InvalidRequestError(f"{param}: {provider}'s batches ask {known}", param=param)


ANY = "*"
JSONL = "application/jsonl"
MARK = b"\xef\xbb\xbf"
SPANS = 20
