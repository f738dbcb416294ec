"""`File`: files kept at a provider."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.stored.operations import operation
from muxi_llm.types.common import FileListParams, FileParams, StoredParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.stored.content import AsyncFileContent, FileContent
    from muxi_llm.types.stored import FileDeleted, FileObject, FilePage


class File:
    """Files kept at a provider: for batches, for messages that name them.

    provider (or model) says where; without either it is OpenAI. Ids are `provider/…` (OpenAI's own stand as
    they are), and find their way home by themselves. file: a path, bytes, an open file, or a tuple of a name
    and one of them; what is on disk is sent in pieces. purpose: OpenAI's word for what it is for; with
    `batch`, the file's lines are OpenAI's, and are sent as the provider takes them, what is lost on
    `.muxi.adaptations` by the numbers of the lines. What is wrong is refused before anything is sent. Options
    are those of the other faces, but for fallbacks: what is kept in one place is in no other. Raises as
    `ChatCompletion` does.
    """

    @classmethod
    @shows(FileParams, "FileObject")
    def create(cls, file: Any, purpose: str, **params: Unpack[FileParams]) -> FileObject:
        """Upload a file, sync."""
        return operation("file.create", {**params, "file": file, "purpose": purpose}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(FileParams, "FileObject")
    async def acreate(cls, file: Any, purpose: str, **params: Unpack[FileParams]) -> FileObject:
        """Upload a file, async."""
        return await operation("file.create", {**params, "file": file, "purpose": purpose}).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(FileListParams, "FilePage")
    def list(cls, **params: Unpack[FileListParams]) -> FilePage:
        """A page of files, sync: `after=` the last id of it gives the next one."""
        return operation("file.list", params).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(FileListParams, "FilePage")
    async def alist(cls, **params: Unpack[FileListParams]) -> FilePage:
        """A page of files, async."""
        return await operation("file.list", params).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "FileObject")
    def retrieve(cls, file_id: str, **params: Unpack[StoredParams]) -> FileObject:
        """What is known of a file, sync."""
        return operation("file.retrieve", {**params, "file_id": file_id}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "FileObject")
    async def aretrieve(cls, file_id: str, **params: Unpack[StoredParams]) -> FileObject:
        """What is known of a file, async."""
        return await operation("file.retrieve", {**params, "file_id": file_id}).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "FileContent")
    def content(cls, file_id: str, **params: Unpack[StoredParams]) -> FileContent:
        """What is in a file, sync: bytes as they come, `stream_to_file(path)`, `read()`."""
        return operation("file.content", {**params, "file_id": file_id}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "AsyncFileContent")
    async def acontent(cls, file_id: str, **params: Unpack[StoredParams]) -> AsyncFileContent:
        """What is in a file, async."""
        return await operation("file.content", {**params, "file_id": file_id}).arun()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "FileDeleted")
    def delete(cls, file_id: str, **params: Unpack[StoredParams]) -> FileDeleted:
        """Have a file no more, sync."""
        return operation("file.delete", {**params, "file_id": file_id}).run()  # type: ignore[no-any-return]

    @classmethod
    @shows(StoredParams, "FileDeleted")
    async def adelete(cls, file_id: str, **params: Unpack[StoredParams]) -> FileDeleted:
        """Have a file no more, async."""
        return await operation("file.delete", {**params, "file_id": file_id}).arun()  # type: ignore[no-any-return]
