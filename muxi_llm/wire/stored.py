"""Files and batches, a small codec for each operation, in OpenAI's own shape; services of another shape say
what differs.

Sources: https://platform.openai.com/docs/api-reference/files and .../batch.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from muxi_llm.types.stored import Batch, BatchPage, FileDeleted, FileObject, FilePage
from muxi_llm.wire.base import Json, Wire, WireError, loads, raise_in_band
from muxi_llm.wire.rows import Bytes
from muxi_llm.wire.upload import Upload, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Endpoint, Reply, StreamDecoder, WireCall

    Page = FilePage | BatchPage


class Stored(Wire):
    """One operation. at: its path, with the names of what fills it. query: parameters that go by the URL."""

    at: ClassVar[str] = ""
    query: ClassVar[tuple[str, ...]] = ()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        self.path = NAMED.sub(lambda found: quote(str(rest.pop(found[1])), safe=""), self.at)
        asked = {name: rest.pop(name) for name in self.query if name in rest}
        if asked:
            self.path += f"?{urlencode(asked)}"
        return {name: value for name, value in rest.items() if name not in OURS}

    def content_of(self, body: Json) -> bytes | Upload:
        return b"" if self.method == "DELETE" else super().content_of(body)

    def decode_response(self, data: bytes, *, created: int) -> Any:  # noqa: ARG002 - they bring their own
        return self.value_of(said_in(data))

    def value_of(self, raw: Any) -> Any:
        """The typed value of what was said."""
        raise NotImplementedError


class OfFile(Stored):
    """An operation whose answer is a file."""

    def value_of(self, raw: Any) -> FileObject:
        return FileObject.construct(**self.file_of(raw))

    @classmethod
    def file_of(cls, raw: Any) -> Json:
        """A file as OpenAI tells of one."""
        raw = identified(raw)
        purpose = PURPOSES.get(raw.get("purpose") or "", raw.get("purpose"))
        return {"object": "file", "status": "processed", **raw, "purpose": purpose}


class OfBatch(Stored):
    """An operation whose answer is a batch."""

    def value_of(self, raw: Any) -> Batch:
        return Batch.construct(**self.batch_of(raw))

    @classmethod
    def batch_of(cls, raw: Any) -> Json:
        """A batch as OpenAI tells of one."""
        return identified(raw)


class FileCreate(OfFile):
    """Sends a form with the file in it, whatever its size, in pieces."""

    endpoint = "file.create"
    at = "/files"

    def content_of(self, body: Json) -> bytes | Upload:
        return form_of(body)


class FileRetrieve(OfFile):
    """What is known of a file."""

    endpoint = "file.retrieve"
    method = "GET"
    at = "/files/{file_id}"


class FileDelete(Stored):
    """No more of it."""

    endpoint = "file.delete"
    method = "DELETE"
    at = "/files/{file_id}"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        self._id = str(body["file_id"])
        return super().encode_request(body, stream=stream)

    def decode_response(self, data: bytes, *, created: int) -> FileDeleted:  # noqa: ARG002
        """Some say nothing but that it went well."""
        raw = loads(data) if data.strip() else {}
        raise_in_band(raw)
        deleted = raw.get("deleted", True) if isinstance(raw, dict) else True
        return FileDeleted.construct(id=self._id, object="file", deleted=deleted)


class FileContent(Stored):
    """The bytes, as they come."""

    binary = True
    endpoint = "file.content"
    method = "GET"
    at = "/files/{file_id}/content"

    def stream_decoder(self, *, created: int) -> StreamDecoder:  # noqa: ARG002 - bytes are bytes
        return Bytes()


class Listed(Stored):
    """A page. items: the key it is under. page: the type of it."""

    method = "GET"
    items: ClassVar[str] = "data"
    page: ClassVar[type[FilePage | BatchPage]] = FilePage

    def value_of(self, raw: Any) -> Page:
        return self.page_of(self.rows_of(raw), more=isinstance(raw, dict) and bool(raw.get("has_more")))

    def rows_of(self, raw: Any) -> list[Json]:
        """What is listed in an answer; a bare list is understood as well."""
        rows = raw.get(self.items) if isinstance(raw, dict) else raw
        if rows is None and isinstance(raw, dict) and self.items != "data":
            return []  # Google leaves out what is empty
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise WireError("malformed", f"the reply has no list {self.items!r}: {str(raw)[:200]}")
        return rows

    def page_of(self, rows: list[Json], *, more: bool) -> Page:
        """A page of these."""
        said = [self.told(row) for row in rows]
        if self.page is FilePage:
            return FilePage(data=[FileObject.construct(**one) for one in said], has_more=more)
        return BatchPage(data=[Batch.construct(**one) for one in said], has_more=more)

    def told(self, row: Json) -> Json:
        """One of them as OpenAI tells of it."""
        raise NotImplementedError


class FileList(Listed):
    """A page of files."""

    endpoint = "file.list"
    at = "/files"
    query: ClassVar[tuple[str, ...]] = ("after", "limit", "order", "purpose")
    kind: ClassVar[type[OfFile]] = FileRetrieve

    def told(self, row: Json) -> Json:
        return self.kind.file_of(row)


class BatchCreate(OfBatch):
    """Begins one."""

    endpoint = "batch.create"
    at = "/batches"


class BatchRetrieve(OfBatch):
    """How it stands."""

    endpoint: ClassVar[Endpoint] = "batch.retrieve"
    method = "GET"
    at = "/batches/{batch_id}"


class BatchCancel(OfBatch):
    """Asks for no more of it; what is done by then stays."""

    endpoint = "batch.cancel"
    at = "/batches/{batch_id}/cancel"


class BatchList(Listed):
    """A page of batches."""

    endpoint = "batch.list"
    at = "/batches"
    query: ClassVar[tuple[str, ...]] = ("after", "limit")
    page = BatchPage
    kind: ClassVar[type[OfBatch]] = BatchRetrieve

    def told(self, row: Json) -> Json:
        return self.kind.batch_of(row)


# ------------------------------------------------------------------------------------ other pages


class Walked(Listed):
    """A page found by walking through the service's own pages, which go by tokens, to where `after` stands.

    size: what asks for that many, as many as there may be. token: what says where the next one begins, here
    and in the answer.
    """

    size: ClassVar[tuple[str, int]] = ("pageSize", 100)
    token: ClassVar[tuple[str, str]] = ("pageToken", "nextPageToken")

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        self._after, self._limit = body.get("after"), int(body.get("limit") or LIMIT)
        self._found: list[Json] = []
        self._more = False
        rest = super().encode_request(body, stream=stream)
        asked = urlencode(dict([self.size]))
        self.path += f"{'&' if '?' in self.path else '?'}{asked}"
        return {name: value for name, value in rest.items() if name not in {"after", "limit", "order"}}

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:
        raw = self.loaded(reply.content)
        raise_in_band(raw)
        self._found += [self.told(row) for row in self.rows_of(raw)]
        token = self.token_of(raw, call)
        start = self._start()
        enough = start is not None and len(self._found) > start + self._limit
        self._more = enough or token is not None
        if token is None or (start is not None and len(self._found) >= start + self._limit):
            return None
        return replace(call, url=with_query(call.url, {self.token[0]: token}))

    def loaded(self, data: bytes) -> Any:
        """What was said, read."""
        return loads(data)

    def token_of(self, raw: Any, call: WireCall) -> str | None:  # noqa: ARG002 - pages by numbers need it
        """Where the next page begins, if there is one."""
        found = raw.get(self.token[1]) if isinstance(raw, dict) else None
        return str(found) if found else None

    def _start(self) -> int | None:
        if self._after is None:
            return 0
        return next((at + 1 for at, one in enumerate(self._found) if one["id"] == self._after), None)

    def decode_response(self, data: bytes, *, created: int) -> Page:  # noqa: ARG002 - it was read on the way
        start = self._start()
        begin = len(self._found) if start is None else start
        page = self._found[begin : begin + self._limit]
        if self.page is FilePage:
            return FilePage(data=[FileObject.construct(**one) for one in page], has_more=self._more)
        return BatchPage(data=[Batch.construct(**one) for one in page], has_more=self._more)


# ----------------------------------------------------------------------------------------- helpers


def said_in(data: bytes) -> Any:
    """What *data* say. An error in something that has a name is that thing's: a batch that failed, say."""
    raw = loads(data)
    if not (isinstance(raw, dict) and raw.keys() & {"id", "name", "job"}):
        raise_in_band(raw)
    return raw


def identified(raw: Any, name: str = "id") -> Json:
    """*raw*, which says who it is by *name*."""
    if not isinstance(raw, dict) or not isinstance(raw.get(name), str):
        raise WireError("malformed", f"the reply has no {name}: {str(raw)[:200]}")
    return raw


def with_query(url: str, given: Mapping[str, str]) -> str:
    """*url* with these parameters, instead of those of the same names."""
    parts = urlsplit(url)
    kept = [(name, value) for name, value in parse_qsl(parts.query) if name not in given]
    return urlunsplit(parts._replace(query=urlencode([*kept, *given.items()])))


# ------------------------------------------------------------------------------------------ tables

OURS = {"job", "for_model"}
"""What is said of a new file or batch for those who need it: a name of its own, and whose it is."""
NAMED = re.compile(r"\{(\w+)\}")
LIMIT = 20
"""As many as OpenAI puts on a page where nothing is said:
https://platform.openai.com/docs/api-reference/batch/list.
"""

PURPOSES = {"batch-api": "batch"}
"""Together's word: https://docs.together.ai/docs/inference/batch/tutorial."""
