"""The output of a batch: a line for each job that is over, safe before the next request is begun."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import orjson

from muxi_llm.harness.batch.index import Index, number_of

try:
    import fcntl
except ImportError:  # Windows: two runs on one output are not kept apart there
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from types import TracebackType

    from muxi_llm.harness.batch.lines import Job


class Journal:
    """The output: a line for each job that is over, and who has one. Use it as a context manager.

    retry_failed: forget those that failed, so that they are asked again. Raises `ValueError` for a file
    that is not of this kind, or that another run is writing; `OSError` where it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, retry_failed: bool = False) -> None:
        self.path = Path(path)
        self._retry_failed = retry_failed
        self._file: FileIO
        self._reader: BinaryIO
        self._index: Index
        self._end = 0

    def __enter__(self) -> Self:
        self._open()
        try:
            self._repair()
            self._read()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            os.fsync(self._file.fileno())
        finally:
            self._index.close()
            self._close()

    # --------------------------------------------------------------------------------- what is over

    def state(self, job: Job) -> bool | None:
        """Whether *job* was answered; `None` if it is not over. Asked once for each line, in their order."""
        found = self._index.claim(job.key if job.named else None, job.digest)
        if found is None:
            return None
        at, answered = found
        self._index.stands(at, job.number)
        return answered

    def is_doubled(self, job: Job) -> bool:
        """Whether another line before it has the same `custom_id` and asks something else."""
        return job.named and self._index.is_doubled(job.key, job.digest)

    def answer(self, digest: str) -> Any:
        """The row of an equal request that was answered, `None` where there is none."""
        at = self._index.answered(digest)
        return None if at is None else orjson.loads(self._line_at(at))

    def write(self, job: Job, value: Any, error: Exception | None = None) -> dict[str, Any]:
        """*job* is over: it was answered with *value*, or failed with *error*. What is written of it."""
        response = _response(value) if error is None else None
        return self._write(job, {"response": response, "error": None if error is None else _error(error)})

    def copy(self, job: Job, row: dict[str, Any]) -> None:
        """*job* is over as the equal one was that *row* is about."""
        same = row.get("same_as", row["custom_id"])
        self._write(job, {"response": row["response"], "error": row["error"], "same_as": same})

    def _write(self, job: Job, how: dict[str, Any]) -> dict[str, Any]:
        row = {"custom_id": job.key, "digest": job.digest}
        if not job.named:
            row["line"] = job.number  # type: ignore[assignment]
        row |= how
        line = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        self._append(line)
        self._index.add(self._end, row, answered=row["error"] is None)
        self._index.stands(self._end, job.number)
        self._end += len(line)
        return row

    def _append(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:  # a full disk takes half a line, which the next one must not follow
            self._file.truncate(self._end)
            raise

    # ------------------------------------------------------------------------------------ the order

    def arrange(self, *, in_order: bool = False) -> None:
        """Give the rows of lines without a `custom_id` their lines' present numbers; in the input's order
        if wanted, with those of lines that are not there any more at the end.

        Into a new file that takes the old one's place: killed meanwhile, one of them is there, whole.
        """
        if in_order or self._index.have_moved():
            self._replace(self._index.rows(in_order=in_order))

    def _replace(self, rows: Iterator[tuple[int, int | None]]) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            with new.open("wb") as file:
                for at, number in rows:
                    file.write(_renumbered(self._line_at(at), number))
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._close()
        new.replace(self.path)
        _sync_folder(self.path.parent)
        self._open()

    # -------------------------------------------------------------------------------------- opening

    def _open(self) -> None:
        self._file = self.path.open("a+b", buffering=0)
        try:
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._reader = self.path.open("rb")
        except BlockingIOError:
            self._file.close()
            raise ValueError(f"another run is writing {self.path}") from None

    def _close(self) -> None:
        self._reader.close()
        self._file.close()

    def _lines(self) -> Iterator[bytes]:
        self._reader.seek(0)
        return iter(self._reader)

    def _line_at(self, at: int) -> bytes:
        self._reader.seek(at)
        return self._reader.readline()

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

    def _read(self) -> None:
        self._index, self._end = Index(), 0
        has_failed = False
        for line in self._lines():
            row = _row(line)
            if row is None:
                raise ValueError(f"{self.path} holds something else than a batch's results")
            answered = row["error"] is None
            has_failed = has_failed or not answered
            self._index.add(self._end, row, answered=answered)
            self._end += len(line)
        if self._retry_failed and has_failed:
            self._forget_failed()

    def _forget_failed(self) -> None:
        self._retry_failed = False
        self._replace(self._index.answers())
        self._index.close()
        self._read()


def _row(line: bytes) -> dict[str, Any] | None:
    """A row of the output; `None` for something else."""
    try:
        row = orjson.loads(line)
        is_one = isinstance(row["custom_id"], str) and isinstance(row["digest"], str) and "error" in row
    except (ValueError, TypeError, KeyError):
        return None
    return row if is_one else None


def _renumbered(line: bytes, number: int | None) -> bytes:
    row = orjson.loads(line)
    if number is None or number_of(row) in {None, number}:
        return line
    row |= {"custom_id": f"line-{number}", "line": number}
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _sync_folder(folder: Path) -> None:
    """Else the new name may be lost with the power, where the system can say so at all."""
    if os.name != "nt":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _response(value: Any) -> dict[str, Any]:
    body = value.model_dump_json(by_alias=True, exclude_unset=True, warnings=False)
    found = {"status_code": 200, "model": value.muxi.model, "body": orjson.Fragment(body)}
    if value.muxi.adaptations:
        found["adaptations"] = [str(adaptation) for adaptation in value.muxi.adaptations]
    return found


def _error(error: Exception) -> dict[str, Any]:
    status = getattr(error, "status_code", None)
    return {"code": type(error).__name__, "status": status, "message": str(error)}
