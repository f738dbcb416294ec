"""One operation on files or batches: whose it is, what is to be done before anything is sent, and by which
ids its answer is told.

All that can be wrong is refused here. There is no falling back: what is kept at one provider is of no use to
another.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

from anyio import to_thread

from muxi_llm import config
from muxi_llm.candidates import candidate_of
from muxi_llm.core.options import check_keywords, present
from muxi_llm.core.request import Candidate, ModelRef
from muxi_llm.core.stream import AsyncStream, Stream
from muxi_llm.errors import InvalidRequestError
from muxi_llm.providers import registry
from muxi_llm.runtime import Prepared, prepared_of
from muxi_llm.stored import kept
from muxi_llm.stored.content import AsyncFileContent, FileContent
from muxi_llm.stored.ids import OWN, Home, home_of, homed, one_home
from muxi_llm.stored.lines import ANY, check_endpoint, path_of, translated
from muxi_llm.transport.files import file_of
from muxi_llm.transport.uploads import AsyncOutgoing, Outgoing
from muxi_llm.types.stored import Batch as BatchObject
from muxi_llm.types.stored import FileDeleted, FilePage
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.core.port import IO
    from muxi_llm.models import Adaptation
    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Endpoint, Json
    from muxi_llm.wire.batch_lines import Lines


class At(NamedTuple):
    """A provider as somebody else has configured it, and what a model that is asked for is called there; for
    one that is not to be asked that raises `InvalidRequestError`.
    """

    provider: Provider
    model_of: Callable[[str], str]


class Operation(NamedTuple):
    """begin: what is to be sent, or the answer where it is known here. told: the answer, by the ids callers
    know. close: what was written for it is needed no more. blocks: whether beginning it reads files.
    """

    begin: Callable[[], Any]
    told: Callable[[Any], Any]
    close: Callable[[], None]
    blocks: bool = False

    def run(self) -> Any:
        """The answer; of a content, a `FileContent`."""
        try:
            begun = self.begin()
            value = begun.run() if isinstance(begun, Prepared) else begun
        finally:
            self.close()
        return FileContent(value) if isinstance(value, Stream | Outgoing) else self.told(value)

    async def arun(self) -> Any:
        """`run`, async: an `AsyncFileContent`."""
        try:
            begun = await to_thread.run_sync(self.begin) if self.blocks else self.begin()
            value = await begun.arun() if isinstance(begun, Prepared) else begun
        finally:
            self.close()
        if isinstance(value, Outgoing):
            return AsyncFileContent(AsyncOutgoing(value))
        return AsyncFileContent(value) if isinstance(value, AsyncStream) else self.told(value)


def operation(
    endpoint: Endpoint, given: Mapping[str, Any], port: IO | None = None, at: At | None = None
) -> Operation:
    """A face's keyword arguments → the operation, over *port* if it is given. Raises before any I/O.

    at: instead of the provider that is named as it is configured in this process.
    """
    check_keywords(endpoint, given)
    given = present(given)
    if given.get("fallback_models"):
        raise InvalidRequestError(
            "fallback_models: files and batches are kept at one provider", param="fallback_models"
        )
    asked = _Asked(endpoint, given, port, at)
    makers: dict[str, Callable[[], Any]] = {
        "file.create": asked.file,
        "batch.create": asked.batch,
        "file.list": asked.files,
        "file.retrieve": asked.about_file,
        "file.content": asked.about_file,
        "file.delete": asked.about_file,
    }
    begin = makers.get(endpoint, asked.prepared)
    return Operation(begin, asked.told, asked.held.close, blocks=endpoint in {"file.create", "batch.create"})


class _Asked:
    """What one call asks, and of whom."""

    def __init__(self, endpoint: Endpoint, given: Json, port: IO | None, at: At | None) -> None:
        self._endpoint = endpoint
        self._at = at
        self._port = port
        self._given = given
        self.held = ExitStack()
        self._source = ""
        if (needed := NEEDED.get(endpoint)) is not None and needed not in given:
            raise InvalidRequestError(f"{needed} must be an id, not None", param=needed)
        homes: dict[str, Home | None] = {name: home_of(given[name], name) for name in IDS if name in given}
        named = given.pop("model", None)
        said = {name: home.provider if home is not None else None for name, home in homes.items()}
        if (provider := given.get("provider")) is not None:
            said["provider"] = _known(provider)
        self._model = ""
        if named is not None:
            bare = said.get("provider") or OWN
            ref = ModelRef.parse(named, registry.find, hint=registry.hint, bare=bare)
            said["model"], self._model = ref.provider, ref.name
        self.provider = one_home(said)
        for name, home in homes.items():
            if home is not None:
                given[name] = home.id
                self._model = self._model or home.model
        self._candidate = self._found()
        given["provider"] = self.provider

    def _found(self) -> Candidate:
        ref = ModelRef(self.provider, self._model or ANY)
        if self._at is not None:
            return Candidate(ref, self._at.provider)
        key, base_url = self._given.get("api_key"), self._given.get("base_url")
        return candidate_of(str(ref), api_key=key, base_url=base_url)

    @property
    def _kind(self) -> type[Provider]:
        return type(self._candidate.provider)

    def told(self, value: Any) -> Any:
        """*value* by the ids callers know."""
        if isinstance(value, BatchObject) and not value.input_file_id:
            value.input_file_id = self._source
        lines = self._kind.lines()
        is_of_one = self._endpoint in OF_ONE_FILE and lines is not None and lines.one_model
        return homed(value, self.provider, self._model if is_of_one else "")

    def prepared(self, *adaptations: Adaptation) -> Prepared:
        """The request."""
        is_content = self._endpoint == "file.content"
        asked = {**self._given, "model": f"{self.provider}/{ANY}", "stream": is_content}
        candidates = (
            None if self._at is None else [Candidate(ModelRef(self.provider, ANY), self._at.provider)]
        )
        found = prepared_of(self._endpoint, asked, self._port, candidates)
        if adaptations:
            found.request = found.request._replace(adaptations=adaptations)
        return found

    # ------------------------------------------------------------------------------------- files

    def file(self) -> Any:
        """A file to be kept: where it is a batch's, its lines as the provider takes them."""
        given = self._given
        file = file_of(given.get("file"), "file")
        _check_purpose(given.get("purpose"))
        given.update(file=file, job=secrets.token_hex(8))
        if given["purpose"] != "batch":
            self._model = ""
            return self.prepared()
        lines = self._batch_lines()
        found = self._translated(file, lines)
        if lines.kept:
            return kept.keep(file)
        self._model = found.model
        given["file"] = found.file
        return self.prepared(*found.adaptations)

    def files(self) -> Any:
        """A page of files; those of batches that are kept here are a list of their own."""
        lines = self._kind.lines()
        if lines is None or not lines.kept or self._given.get("purpose") != "batch":
            return self.prepared()
        found = kept.all_told()
        after, limit = self._given.get("after"), self._given.get("limit", len(found))
        start = next((at + 1 for at, one in enumerate(found) if one.id == after), 0)
        return FilePage(data=found[start : start + limit], has_more=len(found) > start + limit)

    def about_file(self) -> Any:
        """A file that is there."""
        file_id = str(self._given["file_id"])
        is_result = file_id.endswith(RESULTS)
        if is_result and self._endpoint != "file.content":
            raise InvalidRequestError("file_id: results of a batch can be read, and no more", param="file_id")
        lines = self._kind.lines()
        if lines is None or not lines.kept or not kept.is_kept(file_id):
            return self.prepared()
        if self._endpoint == "file.retrieve":
            return kept.told(file_id)
        if self._endpoint == "file.delete":
            kept.forget(file_id)
            return FileDeleted(id=file_id, object="file", deleted=True)
        return Outgoing(Upload(file=kept.opened(file_id)))

    # ----------------------------------------------------------------------------------- batches

    def batch(self) -> Any:
        """A batch of a file that is there."""
        lines = self._batch_lines()
        given = self._given
        endpoint = path_of(given.get("endpoint"))
        check_endpoint(self.provider, lines, endpoint, "endpoint")
        given.update(endpoint=lines.prefix + endpoint, job=secrets.token_hex(8))
        given.setdefault("completion_window", "24h")
        if lines.one_model and not self._model:
            raise InvalidRequestError(
                f"model: a batch of {self.provider} is of one model, and input_file_id does not say which;"
                f" pass model='{self.provider}/...'",
                param="model",
            )
        if self._model:
            given["for_model"] = self._model
        if not lines.kept:
            return self.prepared()
        self._source = given.pop("input_file_id")
        file = kept.opened(self._source)
        found = self._translated(file, lines, wanted=endpoint)
        given["input_file"] = found.file
        return self.prepared(*found.adaptations)

    def _translated(self, file: Any, lines: type[Lines], wanted: str | None = None) -> Any:
        mode = self._given.get("adapt") or config.settings().mode
        model = self._model or ANY
        candidate: Candidate = self._candidate._replace(ref=ModelRef(self.provider, model))
        # The lines as the provider takes them are the process' own, and gone once they are sent.
        held = self.held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - it is closed with the others
        model_of = None if self._at is None else self._at.model_of
        return translated(file, candidate, lines, held, mode=mode, wanted=wanted, model_of=model_of)

    def _batch_lines(self) -> type[Lines]:
        lines = self._kind.lines()
        if lines is None:
            having = ", ".join(registry.having("batch.create"))
            raise InvalidRequestError(
                f"{self.provider} has no batches; those who have: {having}", param="provider"
            )
        return lines


def _known(provider: Any) -> str:
    kind = registry.find(provider) if isinstance(provider, str) else None
    if kind is None:
        raise InvalidRequestError(registry.hint(str(provider)), param="provider")
    return kind.name


def _check_purpose(purpose: Any) -> None:
    if not isinstance(purpose, str) or not purpose.strip():
        raise InvalidRequestError("purpose must be a word such as 'batch'", param="purpose")


IDS = ("file_id", "batch_id", "input_file_id", "after")
NEEDED = {
    "file.retrieve": "file_id",
    "file.content": "file_id",
    "file.delete": "file_id",
    "batch.create": "input_file_id",
    "batch.retrieve": "batch_id",
    "batch.cancel": "batch_id",
}
OF_ONE_FILE = {"file.create", "file.retrieve", "file.delete"}
RESULTS = ("/results", "/errors")
