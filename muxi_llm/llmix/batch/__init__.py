"""Batches of the providers' own: many prompts at once, answered within a day, at half the price.

Reading order: `processor` hands them in and fetches what came of them; `files` is about ids and the files
that vouch for them; `service` is what the providers' batch APIs have in common, `services` what each does
in its own way.
"""

from muxi_llm.llmix.batch.files import (
    BatchMetadata,
    DecodedBatchId,
    decode_batch_id,
    delete_metadata,
    encode_batch_id,
    read_metadata,
    write_metadata,
)
from muxi_llm.llmix.batch.processor import BatchProcessor, BatchResult, BatchStatus
from muxi_llm.llmix.batch.service import BatchState

__all__ = [
    "BatchMetadata",
    "BatchProcessor",
    "BatchResult",
    "BatchState",
    "BatchStatus",
    "DecodedBatchId",
    "decode_batch_id",
    "delete_metadata",
    "encode_batch_id",
    "read_metadata",
    "write_metadata",
]
