"""Batches: many prompts at once, answered within a day, at half the price.

    batches = BatchProcessor()
    batch_id = batches.submit("openai", key, "gpt-5-mini", ["Explain TCP.", "Explain UDP."])
    batches.status(batch_id, key).state     # pending, in_progress, completed, failed or expired
    batches.wait(batch_id, key)             # until it is over
    batches.results(batch_id, key)          # [] until then, one for each prompt afterwards

Each has a sibling with an `a` in front, the same on an event loop (`wait` has `await_over`). A batch's id
names its provider, its key (by fingerprint) and its size: with the key it is all that is needed, on any
machine. A small file in the state folder says beside it what was submitted here and when.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.core.plan import is_retryable
from muxi_llm.core.step import run_sync
from muxi_llm.errors import MuxiLLMError
from muxi_llm.harness.keys import fingerprint
from muxi_llm.harness.kill_switch import KillSwitch
from muxi_llm.llmix.batch.files import (
    DecodedBatchId,
    decode_batch_id,
    delete_metadata,
    encode_batch_id,
    write_metadata,
)
from muxi_llm.llmix.batch.service import Answer, place_of, wire_id
from muxi_llm.llmix.batch.services import SERVICES
from muxi_llm.runtime import current_port

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.core.port import IO
    from muxi_llm.llmix.batch.files import Folder
    from muxi_llm.llmix.batch.service import BatchState, Service
    from muxi_llm.llmix.values import Messages

log = logging.getLogger("muxi_llm.llmix")

MISSING = "Missing result"
EVERY = 60.0
PATIENCE = 5
"""Failures in a row that a wait passes over."""
UNDER_WAY: frozenset[BatchState] = frozenset({"pending", "in_progress"})


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
    """One prompt's answer, or why there is none. index: the prompt's place.

    custom_id: the prompt's, where it was given one. usage, tool_calls: as a chat completion has them.
    """

    index: int
    success: bool
    response: str | None = None
    error: str | None = None
    custom_id: str | None = None
    usage: dict[str, Any] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    finish_reason: str | None = None


Results = list[BatchResult]
Statuses = list[BatchStatus]


class BatchProcessor:
    """Submits batches and fetches their results. state_dir: where their files are kept.

    Raises `ValueError` for an id that is none or another key's, for more than the provider takes in one
    batch, and for a `custom_id` it does not; OpenAI's classes for the provider's errors;
    `KillSwitchActiveError` instead of submitting while the switch is on. Nothing is tried twice, but by
    `wait`.
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
        state_dir: Folder = None,
        *,
        custom_ids: Sequence[str | None] | None = None,
    ) -> str:
        """Hand in *prompts* (text, or messages) with parameters of a chat call; the batch's id.

        custom_ids: one for each prompt, or `None`; the results have them again.
        """
        asked = _asked(prompts, system_prompt, params, custom_ids)
        io = current_port(blocking=True)
        return run_sync(self._submit(io, provider, api_key, model, asked, state_dir))

    async def asubmit(
        self,
        provider: str,
        api_key: str,
        model: str,
        prompts: Sequence[str | Messages],
        system_prompt: str | None = None,
        params: Mapping[str, Any] | None = None,
        state_dir: Folder = None,
        *,
        custom_ids: Sequence[str | None] | None = None,
    ) -> str:
        """`submit` on an event loop."""
        asked = _asked(prompts, system_prompt, params, custom_ids)
        return await self._submit(current_port(blocking=False), provider, api_key, model, asked, state_dir)

    def status(self, batch_id: str, api_key: str) -> BatchStatus:
        """How the batch stands."""
        return run_sync(self._status(current_port(blocking=True), batch_id, api_key))

    async def astatus(self, batch_id: str, api_key: str) -> BatchStatus:
        """`status` on an event loop."""
        return await self._status(current_port(blocking=False), batch_id, api_key)

    def wait(
        self, batch_id: str, api_key: str, *, every: float = EVERY, timeout: float | None = None
    ) -> BatchStatus:
        """How the batch stands once it is over, or after *timeout* seconds; asked *every* so many.

        A few failures in a row that may pass are passed over.
        """
        return run_sync(self._wait(current_port(blocking=True), batch_id, api_key, every, timeout))

    async def await_over(
        self,
        batch_id: str,
        api_key: str,
        *,
        every: float = EVERY,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> BatchStatus:
        """`wait` on an event loop."""
        return await self._wait(current_port(blocking=False), batch_id, api_key, every, timeout)

    def results(
        self, batch_id: str, api_key: str, state_dir: Folder = None, *, forget: bool = True
    ) -> Results:
        """One for each prompt, in order; none while the batch is under way.

        forget: remove its file here; the results can be fetched again all the same, as long as the provider
        keeps them.
        """
        return run_sync(
            self._results(current_port(blocking=True), batch_id, api_key, state_dir, forget=forget)
        )

    async def aresults(
        self, batch_id: str, api_key: str, state_dir: Folder = None, *, forget: bool = True
    ) -> Results:
        """`results` on an event loop."""
        io = current_port(blocking=False)
        return await self._results(io, batch_id, api_key, state_dir, forget=forget)

    def cancel(self, batch_id: str, api_key: str) -> BatchStatus:
        """Ask for no more of the batch, and how it stands then; what was answered stays, and is paid for."""
        return run_sync(self._cancel(current_port(blocking=True), batch_id, api_key))

    async def acancel(self, batch_id: str, api_key: str) -> BatchStatus:
        """`cancel` on an event loop."""
        return await self._cancel(current_port(blocking=False), batch_id, api_key)

    def list(self, provider: str, api_key: str) -> Statuses:
        """The newest hundred of the provider's batches, wherever they were submitted."""
        return run_sync(self._list(current_port(blocking=True), provider, api_key))

    async def alist(self, provider: str, api_key: str) -> Statuses:
        """`list` on an event loop."""
        return await self._list(current_port(blocking=False), provider, api_key)

    def forget(self, batch_id: str, *, state_dir: Folder = None) -> None:
        """Remove the batch's file here; the provider keeps what it has."""
        delete_metadata(batch_id, state_dir or self._state_dir)

    # ------------------------------------------------------------------------------- the one source

    async def _submit(
        self, io: IO, provider: str, api_key: str, model: str, asked: _Asked, state_dir: Folder
    ) -> str:
        service = _service_of(io, provider, api_key)
        if not asked.calls:
            raise ValueError("a batch needs one prompt at least")
        folder = state_dir or self._state_dir
        KillSwitch(folder).check()
        service.check(asked.ids)
        raw_id = await service.submit(model, asked.calls, asked.ids)
        batch_id = encode_batch_id(provider, api_key, len(asked.calls), raw_id)
        try:
            write_metadata(batch_id, api_key, provider, len(asked.calls), folder)
        except OSError as error:  # it is bought by now, and its id is all that is needed
            log.warning("batch %s was submitted, but no file could be made of it here: %s", batch_id, error)
        return batch_id

    async def _status(self, io: IO, batch_id: str, api_key: str) -> BatchStatus:
        service, batch = self._open(io, batch_id, api_key)
        return _status_of(batch_id, service, await service.fetch(batch.raw_batch_id))

    async def _wait(
        self,
        io: IO,
        batch_id: str,
        api_key: str,
        every: float,
        timeout: float | None,  # noqa: ASYNC109
    ) -> BatchStatus:
        if every <= 0:
            raise ValueError(f"every must be seconds above 0, not {every!r}")
        ends = None if timeout is None else io.now() + timeout
        failures = 0
        while True:
            status = None
            try:
                status = await self._status(io, batch_id, api_key)
                failures = 0
            except MuxiLLMError as error:
                failures += 1
                if not is_retryable(error) or failures > PATIENCE:
                    raise
            if status is not None and status.state not in UNDER_WAY:
                return status
            left = every if ends is None else min(every, ends - io.now())
            if status is not None and left <= 0:
                return status
            await io.sleep(max(left, 0.0))

    async def _cancel(self, io: IO, batch_id: str, api_key: str) -> BatchStatus:
        service, batch = self._open(io, batch_id, api_key)
        await service.cancel(batch.raw_batch_id)
        return _status_of(batch_id, service, await service.fetch(batch.raw_batch_id))

    async def _list(self, io: IO, provider: str, api_key: str) -> Statuses:
        service = _service_of(io, provider, api_key)
        return [
            # How many there are is not known while they are being counted: no less than one.
            _status_of(encode_batch_id(provider, api_key, max(total, 1), raw_id), service, said)
            for raw_id, total, said in await service.newest()
        ]

    async def _results(
        self, io: IO, batch_id: str, api_key: str, state_dir: Folder, *, forget: bool
    ) -> Results:
        service, batch = self._open(io, batch_id, api_key)
        said = await service.fetch(batch.raw_batch_id)
        state, _, error = service.standing(said)
        if state in UNDER_WAY:
            return []
        answers = await service.answers(batch.raw_batch_id, said)
        if forget:
            self.forget(batch_id, state_dir=state_dir)
        return _in_order(answers, batch.n_prompts, Answer(error=error or MISSING))

    def _open(self, io: IO, batch_id: str, api_key: str) -> tuple[Service, DecodedBatchId]:
        batch = decode_batch_id(batch_id)
        if batch.key_fingerprint != fingerprint(api_key):
            raise ValueError("the batch was submitted with another key")
        return _service_of(io, batch.provider, api_key), batch


def _service_of(io: IO, provider: str, api_key: str) -> Service:
    if provider not in SERVICES:
        raise ValueError(f"provider must be one of {', '.join(SERVICES)}, not {provider!r}")
    return SERVICES[provider](io, api_key)


def _status_of(batch_id: str, service: Service, said: Any) -> BatchStatus:
    state, counts, _ = service.standing(said)
    return BatchStatus(batch_id, state, decode_batch_id(batch_id).n_prompts, *counts)


def _in_order(answers: Mapping[str, Answer], count: int, missing: Answer) -> list[BatchResult]:
    """A result for each prompt; where the batch was not submitted here, in the order they came."""
    places: dict[int, tuple[str | None, Answer]] = {}
    others: list[tuple[str | None, Answer]] = []
    for name, answer in answers.items():
        place = place_of(name)
        if place is None:
            others.append((name, answer))
        else:
            places[place[0]] = place[1], answer
    if others and not places:
        found = others
    else:
        size = max([count, *(index + 1 for index in places)])
        found = [places.get(index, (None, missing)) for index in range(size)]
    return [
        BatchResult(
            index,
            success=answer.error is None,
            response=answer.text,
            error=answer.error,
            custom_id=custom_id,
            usage=answer.usage,
            tool_calls=answer.tool_calls,
            finish_reason=answer.finish_reason,
        )
        for index, (custom_id, answer) in enumerate(found)
    ]


class _Asked(NamedTuple):
    """A chat call's arguments for each prompt, and their ids at the provider."""

    calls: list[dict[str, Any]]
    ids: list[str]


def _asked(
    prompts: Sequence[str | Messages],
    system_prompt: str | None,
    params: Mapping[str, Any] | None,
    custom_ids: Sequence[str | None] | None,
) -> _Asked:
    if custom_ids is not None and len(custom_ids) != len(prompts):
        raise ValueError(f"there are {len(prompts)} prompts and {len(custom_ids)} custom_ids")
    system = [{"role": "system", "content": system_prompt}] if system_prompt else []
    calls = [
        {
            **(params or {}),
            "messages": [
                *system,
                *([{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt),
            ],
        }
        for prompt in prompts
    ]
    return _Asked(
        calls, [wire_id(index, name) for index, name in enumerate(custom_ids or [None] * len(calls))]
    )
