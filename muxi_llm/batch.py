"""`Batch`: many requests at once, answered within a day, at a lower price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.file import File
from muxi_llm.stored.operations import operation
from muxi_llm.stored.results import AsyncResults, Results, parts_of
from muxi_llm.types.common import BatchParams, ListParams, StoredParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.types.stored import Batch as BatchObject
    from muxi_llm.types.stored import BatchPage

CHAT = "/v1/chat/completions"


class Batch:
    """Batches of requests, whose lines are in a file (`File.create(..., purpose="batch")`).

    The file says which provider; a batch and its file are of one. endpoint: what its lines ask, as OpenAI
    calls it. Where a batch is one model's, the file's id knows which, or model does. status is OpenAI's word,
    whoever does the work, and `output_file_id` and `error_file_id` are files of OpenAI's rows. There is no
    falling back, and what is refused is refused as with `File`.
    """

    @classmethod
    @shows(BatchParams, "BatchObject")
    def create(cls, input_file_id: str, endpoint: str = CHAT, **params: Unpack[BatchParams]) -> BatchObject:
        """Begin a batch, sync."""
        given = {**params, "input_file_id": input_file_id, "endpoint": endpoint}
        return operation("batch.create", given).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(BatchParams, "BatchObject")
    async def acreate(
        cls, input_file_id: str, endpoint: str = CHAT, **params: Unpack[BatchParams]
    ) -> BatchObject:
        """Begin a batch, async."""
        given = {**params, "input_file_id": input_file_id, "endpoint": endpoint}
        return await operation("batch.create", given).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "BatchObject")
    def retrieve(cls, batch_id: str, **params: Unpack[StoredParams]) -> BatchObject:
        """How a batch stands, sync."""
        return operation("batch.retrieve", {**params, "batch_id": batch_id}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "BatchObject")
    async def aretrieve(cls, batch_id: str, **params: Unpack[StoredParams]) -> BatchObject:
        """How a batch stands, async."""
        return await operation("batch.retrieve", {**params, "batch_id": batch_id}).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(ListParams, "BatchPage")
    def list(cls, **params: Unpack[ListParams]) -> BatchPage:
        """A page of batches, sync: `after=` the last id of it gives the next one."""
        return operation("batch.list", params).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(ListParams, "BatchPage")
    async def alist(cls, **params: Unpack[ListParams]) -> BatchPage:
        """A page of batches, async."""
        return await operation("batch.list", params).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "BatchObject")
    def cancel(cls, batch_id: str, **params: Unpack[StoredParams]) -> BatchObject:
        """Ask for no more of a batch, sync; what is done by then stays."""
        return operation("batch.cancel", {**params, "batch_id": batch_id}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "BatchObject")
    async def acancel(cls, batch_id: str, **params: Unpack[StoredParams]) -> BatchObject:
        """Ask for no more of a batch, async."""
        return await operation("batch.cancel", {**params, "batch_id": batch_id}).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "Results")
    def results(cls, batch_id: str, **params: Unpack[StoredParams]) -> Results:
        """The rows of a batch that is over, sync: dicts as OpenAI has them, answers first, then errors. Read
        as they come; the order is the provider's, `custom_id` says whose each is.
        """
        parts = parts_of(cls.retrieve(batch_id, **params))
        return Results(parts, lambda file_id: File.content(file_id, **params))

    @classmethod
    @shows(StoredParams, "AsyncResults")
    async def aresults(cls, batch_id: str, **params: Unpack[StoredParams]) -> AsyncResults:
        """The rows of a batch that is over, async."""
        found: Any = await cls.aretrieve(batch_id, **params)
        return AsyncResults(parts_of(found), lambda file_id: File.acontent(file_id, **params))
