"""Batches: many prompts at once, answered within a day, at half the price.

    batches = BatchProcessor()
    batch_id = batches.submit("openai", key, "gpt-5-mini", ["Explain TCP.", "Explain UDP."])
    batches.status(batch_id, key).state     # pending, in_progress, completed, failed or expired
    batches.results(batch_id, key)          # [] until it is over, then one for each prompt

`asubmit`, `astatus` and `aresults` are the same on an event loop. A batch's id names its provider, its key
(by fingerprint) and its size; a small file in the state folder vouches for it until the results are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from muxi_llm.core.step import run_sync
from muxi_llm.harness.keys import fingerprint
from muxi_llm.llmix.batch.files import (
    DecodedBatchId,
    decode_batch_id,
    delete_metadata,
    encode_batch_id,
    folder_of,
    read_metadata,
    write_metadata,
)
from muxi_llm.llmix.batch.services import SERVICES
from muxi_llm.runtime import current_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.llmix.batch.files import Folder
    from muxi_llm.llmix.batch.service import BatchState, Service
    from muxi_llm.llmix.values import Messages

MISSING = "Missing result"


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """How a batch stands."""

    batch_id: str
    state: BatchState
    total_requests: int
    completed_requests: int
    failed_requests: int


@dataclass(frozen=True, slots=True)
class BatchResult:
    """One prompt's answer, or why there is none. index: the prompt's place."""

    index: int
    success: bool
    response: str | None = None
    error: str | None = None


class BatchProcessor:
    """Submits batches and fetches their results. state_dir: where their files are kept.

    Raises `ValueError` for an id that is none, that is another key's or that has no file; OpenAI's
    classes for the provider's errors. Nothing is tried twice.
    """

    def __init__(self, state_dir: Folder = None) -> None:
        self._state_dir = state_dir

    def submit(
        self,
        provider: str,
        api_key: str,
        model: str,
        prompts: Sequence[str | Messages],
        system_prompt: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> str:
        """Hand in *prompts* (text, or messages) with parameters of a chat call; the batch's id."""
        asked = _asked(prompts, system_prompt, params)
        return run_sync(self._submit(current_port(blocking=True), provider, api_key, model, asked))

    async def asubmit(
        self,
        provider: str,
        api_key: str,
        model: str,
        prompts: Sequence[str | Messages],
        system_prompt: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> str:
        """`submit` on an event loop."""
        return await self._submit(
            current_port(blocking=False), provider, api_key, model, _asked(prompts, system_prompt, params)
        )

    def status(self, batch_id: str, api_key: str, *, state_dir: Folder = None) -> BatchStatus:
        """How the batch stands."""
        return run_sync(self._status(current_port(blocking=True), batch_id, api_key, state_dir))

    async def astatus(self, batch_id: str, api_key: str, *, state_dir: Folder = None) -> BatchStatus:
        """`status` on an event loop."""
        return await self._status(current_port(blocking=False), batch_id, api_key, state_dir)

    def results(self, batch_id: str, api_key: str, *, state_dir: Folder = None) -> list[BatchResult]:
        """One for each prompt, in order; none while the batch is under way. Fetched once, it is forgotten."""
        return run_sync(self._results(current_port(blocking=True), batch_id, api_key, state_dir))

    async def aresults(self, batch_id: str, api_key: str, *, state_dir: Folder = None) -> list[BatchResult]:
        """`results` on an event loop."""
        return await self._results(current_port(blocking=False), batch_id, api_key, state_dir)

    # ------------------------------------------------------------------------------- the one source

    async def _submit(
        self, io: IO, provider: str, api_key: str, model: str, asked: list[dict[str, Any]]
    ) -> str:
        if provider not in SERVICES:
            raise ValueError(f"provider must be one of {', '.join(SERVICES)}, not {provider!r}")
        if not asked:
            raise ValueError("a batch needs one prompt at least")
        folder_of(self._state_dir)  # once the batch is bought it is too late to find that it cannot be kept
        raw_id = await SERVICES[provider](io, api_key).submit(model, asked)
        batch_id = encode_batch_id(provider, api_key, len(asked), raw_id)
        write_metadata(batch_id, api_key, provider, len(asked), self._state_dir)
        return batch_id

    async def _status(self, io: IO, batch_id: str, api_key: str, state_dir: Folder) -> BatchStatus:
        service, batch = self._open(io, batch_id, api_key, state_dir)
        state, counts, _ = service.standing(await service.fetch(batch.raw_batch_id))
        return BatchStatus(batch_id, state, batch.n_prompts, *counts)

    async def _results(self, io: IO, batch_id: str, api_key: str, state_dir: Folder) -> list[BatchResult]:
        service, batch = self._open(io, batch_id, api_key, state_dir)
        said = await service.fetch(batch.raw_batch_id)
        state, _, error = service.standing(said)
        if state in {"pending", "in_progress"}:
            return []
        answers = await service.answers(batch.raw_batch_id, said)
        missing = (None, error or MISSING)
        found = [answers.get(f"req-{index}", missing) for index in range(batch.n_prompts)]
        delete_metadata(batch_id, state_dir or self._state_dir)
        return [
            BatchResult(index, success=error is None, response=text, error=error)
            for index, (text, error) in enumerate(found)
        ]

    def _open(self, io: IO, batch_id: str, api_key: str, state_dir: Folder) -> tuple[Service, DecodedBatchId]:
        batch = decode_batch_id(batch_id)
        if batch.key_fingerprint != fingerprint(api_key):
            raise ValueError("the batch was submitted with another key")
        kept = read_metadata(batch_id, state_dir or self._state_dir)
        if (kept.provider, kept.key_fingerprint, kept.n_prompts) != batch[:3]:
            raise ValueError(f"the file of batch {batch_id} does not agree with its id")
        return SERVICES[batch.provider](io, api_key), batch


def _asked(
    prompts: Sequence[str | Messages], system_prompt: str | None, params: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """A chat call's arguments for each prompt."""
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    return [
        {
            **(params or {}),
            "messages": [
                *system,
                *([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt),
            ],
        }
        for prompt in prompts
    ]
