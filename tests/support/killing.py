"""Publishers that are killed, and publishers that race: in forks of one process, to begin quickly.

    python -m tests.support.killing kill FOLDER     at every call into the system, one after the other
    python -m tests.support.killing race FOLDER     ten at once, for each of five revisions

Prints a JSON list of what happened, for a test to judge.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from io import BufferedWriter, FileIO
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from muxi_llm.presets.errors import LLMConfigError
from tests.support.presets import publish, source

CHANGING = {
    *("chmod", "close", "flock", "fsync", "link", "mkdir", "open", "rename", "replace", "rmdir", "unlink"),
    *("write", "flush", "truncate"),
}
"""What calls into the system are named that may change a disk."""


def is_changing(called: Any) -> bool:
    """Whether *called*, a function of C, may change a disk."""
    of_system = getattr(called, "__module__", None) in {"posix", "io", "_io", "fcntl"}
    of_file = isinstance(getattr(called, "__self__", None), BufferedWriter | FileIO)
    return (of_system or of_file) and getattr(called, "__name__", "") in CHANGING


def in_fork(work: Callable[[], Any]) -> tuple[int, str]:
    """A child that does *work*: its wait status, and what it came to."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    return os.waitpid(child, 0)[1], told


def killed_at(number: int, work: Callable[[], Any]) -> Any:
    """*work*, killed before its call *number* that may change a disk."""
    seen = count(1)

    def look(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and is_changing(called) and next(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(look)
    try:
        return work()
    finally:
        sys.setprofile(None)


def kill(folder: Path) -> list[dict[str, Any]]:
    """Publish `new` over `old`, killed at every point; each leaves its registry in a folder."""
    publish(folder / "base", "old", {"a/one": source("old"), "b/two": source("old")})
    (folder / "base/source/a/one.mda").write_text(source("new"))
    (folder / "base/source/b/two.mda").write_text(source("new"))
    told = []
    for number in count(1):
        registry = folder / f"killed-{number}"
        shutil.copytree(folder / "base", registry)
        status, _ = in_fork(lambda registry=registry, number=number: killed_at(  # type: ignore[misc]
            number, lambda: publish(registry, "new")
        ))  # fmt: skip
        told.append({"registry": str(registry), "killed": os.WIFSIGNALED(status)})
        if not os.WIFSIGNALED(status):
            return told
    raise AssertionError


def race(folder: Path) -> list[dict[str, Any]]:
    """Ten at once for each revision, each with sources of its own, and one pointer for all."""
    registry = folder / "registry"
    registry.mkdir()
    told = []
    for revision in ("r1", "r2", "r3", "r4", "r5"):
        reader, writer = os.pipe()
        children = [os.fork() for _ in range(1)]  # a starter, so that they all begin with the same breath
        if children == [0]:
            _race(registry, folder, revision, writer)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            told += [json.loads(line) for line in pipe.read().splitlines()]
        os.waitpid(children[0], 0)
    return told


def _race(registry: Path, folder: Path, revision: str, writer: int) -> None:
    go, start = os.pipe()
    racers = []
    for number in range(10):
        if (racer := os.fork()) == 0:
            os.close(start)
            os.read(go, 1)  # until the starter closes its end
            own = folder / f"sources-{revision}-{number}"
            said = {"revision": revision, "racer": number, "won": True, "error": ""}
            try:
                publish(registry, revision, sources=own)
            except LLMConfigError as error:
                said.update(won=False, error=str(error))
            os.write(writer, json.dumps(said).encode() + b"\n")
            os._exit(0)
        racers.append(racer)
        path = folder / f"sources-{revision}-{number}/a/one.mda"
        path.parent.mkdir(parents=True)
        path.write_text(source(f"{revision}-{number}"))
    os.close(start)
    for racer in racers:
        os.waitpid(racer, 0)
    os._exit(0)


if __name__ == "__main__":
    print(json.dumps({"kill": kill, "race": race}[sys.argv[1]](Path(sys.argv[2]))))  # noqa: T201 - its answer
