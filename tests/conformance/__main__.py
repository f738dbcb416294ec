"""Runs a suite with the original and with our clients, and prints where they differ.

The exit status is 1 if a test passes for the original and not for ours, or if requests on the wire differ.
Some of the suites' tests depend on timing, for the original too: what differs is run again, both sides and
few at a time, and counts if it differs each time. Those that did not are named.
"""

# ruff: noqa: T201 - a script prints

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tests.conformance import wire
from tests.conformance.running import mock_server, run
from tests.conformance.suites import SUITES

if TYPE_CHECKING:
    from tests.conformance.running import Results
    from tests.conformance.suites import Suite


def main() -> int:
    options = _options()
    options.cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="conformance-"))
    try:
        with mock_server(options.cache) as mock:
            differ = [_suite(SUITES[name], options, work, mock) for name in options.suite or SUITES]
        return int(any(differ))
    finally:
        if options.keep:
            print(f"the copies are in {work}")
        else:
            shutil.rmtree(work)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--suite", action="append", choices=SUITES, help="default: all of them")
    parser.add_argument(
        "--group", action="append", choices=["core", "transport", "client"], help="default: all"
    )
    parser.add_argument("-k", metavar="EXPR", help="only tests that match, as in pytest")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", action="store_true", help="keep the copies and the outputs")
    parser.add_argument("--cache", type=Path, default=Path(sys.prefix) / "conformance")
    return parser.parse_args()


def _suite(suite: Suite, options: argparse.Namespace, work: Path, mock: str | None) -> bool:
    """Whether ours differs anywhere."""
    names = suite.names()
    original, ours = (suite.unpack(options.cache, work / kind) for kind in ("original", "ours"))
    print(f"\n=== {suite.name}: {suite.swap(ours)} files changed, for {', '.join(names) or 'nothing'}")
    differ = False
    for name, group in suite.groups.items():
        if (options.group and name not in options.group) or (group.mock and mock is None):
            continue
        extra = ["-k", options.k] if options.k else []
        settings = {"mock": mock if group.mock else None, "workers": options.workers}
        theirs = run(original, group, extra, **settings)
        _print_counts(name, "original", theirs)
        if not names:
            print("  muxi_llm exports none of its names: nothing to compare yet")
            continue
        own = run(ours, group, extra, **settings)
        _print_counts(name, "ours", own)
        for _ in range(RERUNS):
            if tests := _worse(theirs, own):
                theirs |= run(original, group, tests=tests, **settings)
                own |= run(ours, group, tests=tests, **settings)
                _print_unsteady(tests, _worse(theirs, own))
        differ |= _print_outcomes(theirs, own) | (group.mock and _print_wire(theirs, own))
    return differ


def _worse(original: Results, ours: Results) -> list[str]:
    """The tests that pass for the original and not for ours."""
    passed = [test for test, result in original.items() if result["outcome"] == "passed"]
    return sorted(test for test in passed if ours.get(test, MISSING)["outcome"] != "passed")


def _print_unsteady(before: list[str], after: list[str]) -> None:
    for test in before:
        if test not in after:
            print(f"  differed, and not when run again: {test}")


def _print_counts(group: str, kind: str, results: Results) -> None:
    counts = Counter(test["outcome"] for test in results.values())
    shown = "  ".join(f"{counts[outcome]:5} {outcome}" for outcome in ("passed", "failed", "skipped"))
    print(f"{group:10}{kind:10}{shown}", flush=True)


def _print_outcomes(original: Results, ours: Results) -> bool:
    """Every test with another outcome, those of one cause together."""
    causes = defaultdict(list)
    for test in sorted(original.keys() | ours.keys()):
        before, after = original.get(test, MISSING), ours.get(test, MISSING)
        if before["outcome"] != after["outcome"]:
            lines = [line[1:].strip() for line in after["error"].splitlines() if line.startswith("E ")]
            causes[before["outcome"], after["outcome"], *lines[:3]].append(test)
    for (before, after, *lines), tests in sorted(causes.items()):
        print(f"  {before} → {after}:", *tests, sep="\n      ")
        print(*(f"          {line:.160}" for line in lines), sep="\n")
    return bool(_worse(original, ours))


def _print_wire(original: Results, ours: Results) -> bool:
    compared, kinds = wire.differences(original, ours)
    print(f"  on the wire: {compared} requests compared, {len(kinds)} kinds of difference")
    for kind, tests in sorted(kinds.items(), key=lambda item: -len(item[1])):
        print(f"  {len(tests):5} x {kind}\n          such as {tests[0]}")
    return bool(kinds)


MISSING = {"outcome": "missing", "error": ""}
RERUNS = 2

if __name__ == "__main__":
    raise SystemExit(main())
