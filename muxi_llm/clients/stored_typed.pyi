"""`typed`, of files and batches."""

from typing import Literal, Required, Unpack

from openai._base_client import AsyncPaginator
from openai._legacy_response import HttpxBinaryResponseContent
from openai._types import FileTypes, Omit
from openai.pagination import AsyncCursorPage, SyncCursorPage
from openai.resources import batches, files
from openai.types import Batch, FileDeleted, FileObject, FilePurpose, batch_create_params, file_create_params
from openai.types.shared_params import Metadata

from muxi_llm.clients.typed import Arguments

class PageArguments(Arguments, total=False):
    after: str | Omit
    limit: int | Omit

class FilesArguments(PageArguments, total=False):
    order: Literal["asc", "desc"] | Omit
    purpose: str | Omit

class FileArguments(Arguments, total=False):
    file: Required[FileTypes]
    purpose: Required[FilePurpose]
    expires_after: file_create_params.ExpiresAfter | Omit

class BatchArguments(Arguments, total=False):
    completion_window: Required[Literal["24h"]]
    endpoint: Required[str]
    input_file_id: Required[str]
    metadata: Metadata | Omit | None
    output_expires_after: batch_create_params.OutputExpiresAfter | Omit

class Files(files.Files):
    def create(self, **arguments: Unpack[FileArguments]) -> FileObject: ...
    def retrieve(self, file_id: str, **arguments: Unpack[Arguments]) -> FileObject: ...
    def list(self, **arguments: Unpack[FilesArguments]) -> SyncCursorPage[FileObject]: ...
    def delete(self, file_id: str, **arguments: Unpack[Arguments]) -> FileDeleted: ...
    def content(self, file_id: str, **arguments: Unpack[Arguments]) -> HttpxBinaryResponseContent: ...

class Batches(batches.Batches):
    def create(self, **arguments: Unpack[BatchArguments]) -> Batch: ...
    def retrieve(self, batch_id: str, **arguments: Unpack[Arguments]) -> Batch: ...
    def list(self, **arguments: Unpack[PageArguments]) -> SyncCursorPage[Batch]: ...
    def cancel(self, batch_id: str, **arguments: Unpack[Arguments]) -> Batch: ...

class AsyncFiles(files.AsyncFiles):
    async def create(self, **arguments: Unpack[FileArguments]) -> FileObject: ...
    async def retrieve(self, file_id: str, **arguments: Unpack[Arguments]) -> FileObject: ...
    def list(
        self, **arguments: Unpack[FilesArguments]
    ) -> AsyncPaginator[FileObject, AsyncCursorPage[FileObject]]: ...
    async def delete(self, file_id: str, **arguments: Unpack[Arguments]) -> FileDeleted: ...
    async def content(self, file_id: str, **arguments: Unpack[Arguments]) -> HttpxBinaryResponseContent: ...

class AsyncBatches(batches.AsyncBatches):
    async def create(self, **arguments: Unpack[BatchArguments]) -> Batch: ...
    async def retrieve(self, batch_id: str, **arguments: Unpack[Arguments]) -> Batch: ...
    def list(self, **arguments: Unpack[PageArguments]) -> AsyncPaginator[Batch, AsyncCursorPage[Batch]]: ...
    async def cancel(self, batch_id: str, **arguments: Unpack[Arguments]) -> Batch: ...
