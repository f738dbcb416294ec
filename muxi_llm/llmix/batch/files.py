"""Batches' ids, and the files that vouch for them."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from muxi_llm.harness.keys import fingerprint
from muxi_llm.harness.kill_switch import state_dir as default_state_dir

PROVIDERS = ("openai", "anthropic", "gemini")

Folder = str | Path | None
"""A state folder; `None`: LLMix's."""


class DecodedBatchId(NamedTuple):
    """What an id says."""

    provider: str
    key_fingerprint: str
    n_prompts: int
    raw_batch_id: str


def encode_batch_id(provider: str, api_key: str, n_prompts: int, raw_batch_id: str) -> str:
    """The id of a batch: provider, fingerprint of the key, size, and the provider's own id."""
    return f"{provider}:{fingerprint(api_key)}:{n_prompts}:{raw_batch_id}"


def decode_batch_id(batch_id: str) -> DecodedBatchId:
    """What an id says; the provider's own may hold colons. Raises `ValueError` for one that is none."""
    parts = batch_id.split(":", 3)
    if len(parts) < 4 or not parts[3]:
        raise ValueError(f"not a batch id: {batch_id!r}")
    provider, key_fingerprint, size, raw_id = parts
    if provider not in PROVIDERS or len(key_fingerprint) != 8:
        raise ValueError(f"not a batch id: {batch_id!r}")
    if not (size.isascii() and size.isdigit() and int(size) > 0):
        raise ValueError(f"not a batch id, {size!r} is no number of prompts: {batch_id!r}")
    return DecodedBatchId(provider, key_fingerprint, int(size), raw_id)


# -------------------------------------------------------------------------------------------- files


@dataclass(frozen=True, slots=True)
class BatchMetadata:
    """What a batch's file says. submitted_at: ISO 8601, UTC."""

    key_fingerprint: str
    provider: str
    n_prompts: int
    submitted_at: str


def write_metadata(
    batch_id: str, api_key: str, provider: str, n_prompts: int, state_dir: Folder = None
) -> None:
    """Write the batch's file: whole or not at all, and readable by its owner alone."""
    folder = folder_of(state_dir)
    kept = {
        "keyFingerprint": fingerprint(api_key),
        "provider": provider,
        "nPrompts": n_prompts,
        "submittedAt": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    handle, name = tempfile.mkstemp(dir=folder, prefix=".", suffix=".tmp")  # 0600
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(kept, file)
        Path(name).replace(_path(batch_id, state_dir))
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_metadata(batch_id: str, state_dir: Folder = None) -> BatchMetadata:
    """What the batch's file says. Raises `ValueError` if there is none, or none that makes sense."""
    try:
        kept = json.loads(_path(batch_id, state_dir).read_bytes())
        return BatchMetadata(kept["keyFingerprint"], kept["provider"], kept["nPrompts"], kept["submittedAt"])
    except FileNotFoundError as error:
        raise ValueError(f"batch {batch_id} is not known here: no such file as {error.filename}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"the file of batch {batch_id} makes no sense: {error!r}") from error


def delete_metadata(batch_id: str, state_dir: Folder = None) -> None:
    """Remove the batch's file, if it is there."""
    _path(batch_id, state_dir).unlink(missing_ok=True)


def _path(batch_id: str, state_dir: Folder) -> Path:
    name = base64.urlsafe_b64encode(batch_id.encode()).decode().rstrip("=")
    return Path(state_dir or default_state_dir()) / "batches" / f"{name}.json"


def folder_of(state_dir: Folder) -> Path:
    """The folder of the batches' files, made if need be, and its owner's alone."""
    root = Path(state_dir or default_state_dir())
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / "batches"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
