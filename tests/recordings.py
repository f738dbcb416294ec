"""Replays every recording and reports it: `python -m tests.recordings`.

By provider and by feature how many were reproduced; then each that was not, whole or in part, with the reason.
The exit status is 1 if a test fails, if an interaction is neither replayed nor has a reason, or if a reason
speaks of one that is replayed after all (or of none).
"""

# ruff: noqa: T201 - a script prints

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.recordings import (
    CORRECTED,
    NOT_ASKED,
    NOT_REPLAYED,
    RECORDINGS,
    asks,
    expected,
    found,
    index,
    interactions,
    place_of,
    replays,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HERE = Path(__file__).parent
MODULES = sorted({*HERE.glob("test_recordings_*.py")} - {HERE / "test_recordings_report.py"})
"""The tests that replay."""


class Replays:
    """A pytest plugin: which interactions were replayed, by what the tests compare (`answer`, `request`).

    passed: those that tests have named, without those that one failed on, or was skipped for.
    """

    def __init__(self) -> None:
        self._named: defaultdict[str, set[str]] = defaultdict(set)
        self._failed: defaultdict[str, set[str]] = defaultdict(set)
        self._tests: dict[str, tuple[tuple[str, ...], set[str]]] = {}

    @property
    def passed(self) -> dict[str, set[str]]:
        return {side: self._named[side] - self._failed[side] for side in ("answer", "request")}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            self._tests[item.nodeid] = replays(item)
            self._note(item.nodeid, self._named)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self._note(report.nodeid, self._failed)

    def _note(self, test: str, keys_of: defaultdict[str, set[str]]) -> None:
        sides, keys = self._tests[test]
        for side in sides:
            keys_of[side] |= keys


def complaints(replayed: Mapping[str, set[str]]) -> list[str]:
    """What the tables of reasons leave out, or say wrongly."""
    there, answers, requests = {*interactions()}, replayed["answer"], replayed["request"]
    wrong = [f"named, but not there: {key}" for key in (answers | requests) - there]
    wrong += [f"corrected, but not there: {key}" for key in CORRECTED.keys() - expected().keys()]
    asking = {key for key in answers & there if asks(key)}
    for what, table, keys, done in (
        ("replayed", NOT_REPLAYED, there, answers),
        ("compared in its request", NOT_ASKED, asking, requests),
    ):
        reasons = {key: found(table, key) for key in keys}
        wrong += [f"not {what}, and no reason says why: {key}" for key in keys - done if not reasons[key]]
        wrong += [f"{what}, but there is a reason why not: {key}" for key in keys & done if reasons[key]]
        places = "\n".join(place_of(key) for key in keys)
        wrong += [f"a reason for nothing: {row}" for row in table if not re.search(row, places, re.MULTILINE)]
    return sorted(wrong)


def report(replayed: Mapping[str, set[str]]) -> Iterator[str]:
    """The tables, and what is left out."""
    answers, requests = replayed["answer"], replayed["request"]
    mute = sum(not asks(key) for key in interactions())
    yield f"{len(index())} recordings with {len(interactions())} interactions, {mute} of which have no request"
    for of, groups in (("provider", by_provider()), ("feature", by_feature())):
        yield from (
            "",
            f"{of:16}{'files':>8}{'whole':>8}{'in part':>9}{'not':>6}{'answers':>10}{'requests':>10}",
        )
        yield from (line(name, files, answers, requests) for name, files in sorted(groups.items()))
        yield line("all", [*index()], answers, requests)
    unasked = [key for key in interactions() if key in answers - requests and asks(key)]
    left = [key for key in interactions() if key not in answers]
    yield from ("", "NOT REPLAYED", *listed({key: found(NOT_REPLAYED, key) for key in left}))
    yield from ("", "REQUEST NOT COMPARED", *listed({key: found(NOT_ASKED, key) for key in unasked}))
    yield from (
        "",
        "READ OTHERWISE THAN BY expected.json",
        *listed({key: why for key, (_, why) in CORRECTED.items()}),
    )


def by_provider() -> dict[str, list[str]]:
    """Provider → its files."""
    groups = defaultdict(list)
    for file, row in index().items():
        groups[row["provider"]].append(file)
    return groups


def by_feature() -> dict[str, list[str]]:
    """Feature → files that have it."""
    groups = defaultdict(list)
    for file, row in index().items():
        streams = "stream" in row["features"]
        for feature in row["features"] if streams else [*row["features"], "no stream"]:
            groups[feature].append(file)
    return groups


def line(name: str, files: list[str], answers: set[str], requests: set[str]) -> str:
    """A group of files in numbers: how many were replayed, and interactions by what was compared."""
    parts = {file: [f"{file}#{number}" for number in range(index()[file]["interactions"])] for file in files}
    done = [sum(key in answers for key in keys) / len(keys) for keys in parts.values()]
    whole, none = done.count(1), done.count(0)
    keys = {key for file in files for key in parts[file]}
    counts = f"{len(files):8}{whole:8}{len(files) - whole - none:9}{none:6}"
    return f"{name:16}{counts}{len(keys & answers):10}{len(keys & requests):10}"


def listed(reasons: Mapping[str, str | None]) -> Iterable[str]:
    """Interactions under their reasons."""
    for why in dict.fromkeys(reasons.values()):
        yield f"  {why or 'NO REASON'}"
        yield from (f"    {key}" for key, reason in reasons.items() if reason == why)


def main() -> int:
    if not index():
        print(f"{RECORDINGS} is not there (set MUXI_LLM_SHARED)")
        return 1
    plugin = Replays()
    calm = "ignore:Module already imported:pytest.PytestAssertRewriteWarning"  # by the imports above
    status = pytest.main(["-qq", "-W", calm, *map(str, MODULES)], plugins=[plugin])
    print(*report(plugin.passed), "", sep="\n")
    wrong = complaints(plugin.passed)
    print(*wrong, sep="\n")
    return int(bool(status or wrong))


if __name__ == "__main__":
    sys.exit(main())
