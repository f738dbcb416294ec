"""What is kept at a provider: files and batches, and pages of them, in OpenAI's own types."""

from __future__ import annotations

from typing import Literal

from openai import BaseModel
from openai.types import Batch as OpenAIBatch
from openai.types import FileDeleted as OpenAIFileDeleted
from openai.types import FileObject as OpenAIFileObject

from muxi_llm.models import ItemAccess, ReportedModel


class FileObject(ItemAccess, ReportedModel, OpenAIFileObject):
    """A file kept at a provider. id: `provider/…`, or OpenAI's own. bytes: its size there. created_at: epoch
    seconds, 0 where the provider does not say.
    """

    __slots__ = ("_muxi", "_wire_bytes")


class FileDeleted(ItemAccess, ReportedModel, OpenAIFileDeleted):
    """That a file is no more."""

    __slots__ = ("_muxi", "_wire_bytes")


class Batch(ItemAccess, ReportedModel, OpenAIBatch):
    """A batch. Ids are `provider/…`, or OpenAI's own. Moments are epoch seconds.

    input_file_id is empty where the provider does not remember it.
    """

    __slots__ = ("_muxi", "_wire_bytes")


class FilePage(ItemAccess, ReportedModel, BaseModel):
    """Some of the files, newest first where the provider has an order. has_more: whether others follow the
    last one (`after=page.data[-1].id`).
    """

    __slots__ = ("_muxi", "_wire_bytes")

    object: Literal["list"] = "list"
    data: list[FileObject]
    has_more: bool = False


class BatchPage(ItemAccess, ReportedModel, BaseModel):
    """Some of the batches, as `FilePage` has files."""

    __slots__ = ("_muxi", "_wire_bytes")

    object: Literal["list"] = "list"
    data: list[Batch]
    has_more: bool = False
