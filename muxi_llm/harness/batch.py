"""Large batches, asked from this machine: a file of prompts in, a file of answers out, as often as it takes.

    jobs(lines)  →  Batch: a fixed number of workers pull  →  ask  →  Journal: a line for each that is over

Rules: nothing is lost and nothing is asked twice. What is over has its line in the output before the next
request is begun; a run that was killed goes on from there, and only what was under way then is asked
again. A line of the output is known by its `custom_id` (else the number of the input's line) and a digest
of the request: one that changed is another. However long the input, only what is under way is in memory,
and of what an earlier run did a number each.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import orjson
from openai import OpenAIError

try:
    import fcntl
except ImportError:  # Windows: two runs on one output are not kept apart there
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
    from types import TracebackType

    Ask = Callable[[dict[str, Any]], Awaitable[Any]]

TURN = 256
"""Lines passed over in one go: those under way must not wait for a million that are done."""


# ------------------------------------------------------------------------------------------- input


@dataclass(frozen=True, slots=True)
class Job:
    """One line of the input: the call's arguments, or why it is no call."""

    key: str
    digest: str
    params: dict[str, Any] = field(default_factory=dict)
    error: ValueError | None = None


def jobs(
    lines: Iterable[bytes], overrides: Mapping[str, Any] | None = None, system: str | None = None
) -> Iterator[Job]:
    """The jobs of an input's lines, each a JSON value: a prompt as a string, an object with `prompt` or
    `messages`, or a line of OpenAI's batches (`custom_id`, `body`).

    overrides: arguments that win over what the lines say. system: a system message for those without one.
    """
    for number, line in enumerate(lines, 1):
        line = line.strip().removeprefix(b"\xef\xbb\xbf")  # noqa: PLW2901 - some editors put a mark in front
        if not line:
            continue
        key = f"line-{number}"
        try:
            row = orjson.loads(line)
            if isinstance(row, dict) and row.get("custom_id") is not None:
                key = str(row["custom_id"])
            params = {**_params(row, system), **(overrides or {})}
            if "model" not in params:
                raise ValueError("the line names no model, and there is none for all of them")
        except ValueError as error:  # orjson's too
            yield Job(key, _digest(line), error=error)
        else:
            yield Job(key, _digest(orjson.dumps(params, option=orjson.OPT_SORT_KEYS)), params)


def _params(row: Any, system: str | None) -> dict[str, Any]:
    row = {"prompt": row} if isinstance(row, str) else row
    if not isinstance(row, dict):
        raise ValueError("a line must be a string, or an object with prompt, messages or body")  # noqa: TRY004 - a wrong value, as far as callers know
    if "body" in row:
        if not str(row.get("url", ENDPOINT)).endswith(ENDPOINT):
            raise ValueError(f"only {ENDPOINT} is asked here, not {row['url']}")
        row = row["body"]
    params = {name: value for name, value in row.items() if name not in NO_PARAMS}
    if "prompt" in row:
        params["messages"] = [{"role": "user", "content": row["prompt"]}]
    messages = params.get("messages")
    if not isinstance(messages, list):
        raise ValueError("a line must have a prompt or messages")  # noqa: TRY004 - as above
    if system is not None and not any(_is_system(message) for message in messages):
        params["messages"] = [{"role": "system", "content": system}, *messages]
    return params


def _is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in {"system", "developer"}


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


ENDPOINT = "/chat/completions"
NO_PARAMS = {"custom_id", "prompt", "stream", "stream_options"}


# ------------------------------------------------------------------------------------------ output


class Journal:
    """The output: a line for each job that is over, and who has one. Use it as a context manager.

    retry_failed: forget those that failed, so that they are asked again. Raises `ValueError` for a file
    that is not of this kind, or that another run is writing; `OSError` where it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, retry_failed: bool = False) -> None:
        self.path = Path(path)
        self._retry_failed = retry_failed
        self._answered: set[int] = set()
        self._failed: set[int] = set()
        self._file: BinaryIO

    def __enter__(self) -> Self:
        self._open()
        try:
            self._repair()
            self._read()
            if self._retry_failed and self._failed:
                self._forget_failed()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def state(self, job: Job) -> bool | None:
        """Whether *job* was answered; `None` if it is not over."""
        mark = hash((job.key, job.digest))
        return True if mark in self._answered else False if mark in self._failed else None

    def write(self, job: Job, value: Any, error: Exception | None = None) -> None:
        """*job* is over: it was answered with *value*, or failed with *error*."""
        line = {
            "custom_id": job.key,
            "digest": job.digest,
            "response": _response(value) if error is None else None,
            "error": None if error is None else _error(error),
        }
        self._file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()

    def _open(self) -> None:
        self._file = self.path.open("a+b")
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ValueError(f"another run is writing {self.path}") from None

    def _repair(self) -> None:
        """A last line without an end was being written when the run was killed."""
        last, end = b"", 0
        for line in self._lines():
            last, end = line, end + len(line)
        if not last or last.endswith(b"\n"):
            return
        try:
            orjson.loads(last)
            self._file.write(b"\n")  # nothing but its end is missing
        except ValueError:
            self._file.truncate(end - len(last))
        self._file.flush()

    def _read(self) -> None:
        for line in self._lines():
            try:
                row = orjson.loads(line)
                mark = hash((row["custom_id"], row["digest"]))
                failed = row["error"] is not None
            except (ValueError, TypeError, KeyError):
                raise ValueError(f"{self.path} holds something else than a batch's results") from None
            (self._failed if failed else self._answered).add(mark)
        self._failed -= self._answered

    def _lines(self) -> Iterator[bytes]:
        self._file.seek(0)
        return iter(self._file)

    def _forget_failed(self) -> None:
        """Into a new file that takes the old one's place: killed meanwhile, one of them is there, whole."""
        new = self.path.with_name(f"{self.path.name}.new")
        with new.open("wb") as file:
            file.writelines(line for line in self._lines() if orjson.loads(line)["error"] is None)
            file.flush()
            os.fsync(file.fileno())
        self._file.close()
        new.replace(self.path)
        self._open()
        self._failed.clear()


def _response(value: Any) -> dict[str, Any]:
    body = value.model_dump_json(by_alias=True, exclude_unset=True, warnings=False)
    found = {"status_code": 200, "model": value.muxi.model, "body": orjson.Fragment(body)}
    if value.muxi.adaptations:
        found["adaptations"] = [str(adaptation) for adaptation in value.muxi.adaptations]
    return found


def _error(error: Exception) -> dict[str, Any]:
    status = getattr(error, "status_code", None)
    return {"code": type(error).__name__, "status": status, "message": str(error)}


# ------------------------------------------------------------------------------------------- work


class Batch:
    """One run over one input.

    ask: what gets the answer for a job's arguments. tell: called each time something is over.
    """

    def __init__(
        self,
        journal: Journal,
        ask: Ask,
        *,
        concurrency: int = 16,
        tell: Callable[[Batch], None] | None = None,
    ) -> None:
        if concurrency < 1:
            raise ValueError("concurrency must be 1 or more")
        self._journal = journal
        self._ask = ask
        self._concurrency = concurrency
        self._tell = tell
        self.answered = self.failed = 0
        """By this run."""
        self.answered_before = self.failed_before = 0
        """By earlier ones, and not asked again."""
        self.stopped = False

    @property
    def over(self) -> int:
        """Lines that are over, whenever."""
        return self.answered + self.failed + self.answered_before + self.failed_before

    def stop(self) -> None:
        """Begin no more; what is under way may end."""
        self.stopped = True

    async def run(self, given: Iterable[Job]) -> None:
        """Ask everything that is not over yet. Raises what is wrong with this machine, not with a call."""
        waiting = iter(given)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._work(waiting))
        except BaseExceptionGroup as several:
            raise several.exceptions[0] from None

    async def _work(self, waiting: Iterator[Job]) -> None:
        while not self.stopped and (job := next(waiting, None)) is not None:
            was = self._journal.state(job)
            if was is None:
                await self._settle(job)
            else:
                self.answered_before += was
                self.failed_before += not was
                if self.over % TURN == 0:
                    await asyncio.sleep(0)
            if self._tell is not None:
                self._tell(self)

    async def _settle(self, job: Job) -> None:
        try:
            if job.error is not None:
                raise job.error
            value = await self._ask(job.params)
        except (OpenAIError, TypeError, ValueError) as error:  # a call's own, or an argument that cannot be
            self._journal.write(job, None, error)
            self.failed += 1
        else:
            self._journal.write(job, value)
            self.answered += 1
