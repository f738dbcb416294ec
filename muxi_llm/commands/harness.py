"""The command `muxi-llm harness`: what a Redis cache holds, and emptying it."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from muxi_llm.harness.redis_contents import Contents


def add(command: argparse.ArgumentParser) -> None:
    """Give *command* its arguments."""
    command.add_argument("what", nargs="?", choices=("show", "clear"), default="show", help="default: show")
    command.add_argument("--redis-url", metavar="URL", help="redis://...; default: REDIS_URL")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    url = given.redis_url or os.environ.get("REDIS_URL")
    if not url:
        return _complain("no Redis is named; pass --redis-url or set REDIS_URL")
    try:
        from muxi_llm.harness import redis_contents  # noqa: PLC0415 - an extra

        if given.what == "clear":
            gone = redis_contents.empty(url)
            print(json.dumps({"cleared": gone}) if given.json else f"cleared: {gone}")
        else:
            found = redis_contents.contents(url)
            print(json.dumps(asdict(found), indent=2) if given.json else _table(found))
    except (ConnectionError, ImportError, ValueError) as error:
        return _complain(str(error))
    return 0


def _table(found: Contents) -> str:
    lines = [
        f"{name}: {found.entries[name]:,} entries, {found.bytes[name]:,} bytes" for name in found.entries
    ]
    if found.hits is not None and found.misses is not None:
        lines.append(
            f"look-ups in this server since it was started: {found.hits:,} hits, {found.misses:,} misses"
        )
    return "\n".join(lines)


def _complain(story: str) -> int:
    print(f"muxi-llm: {story}", file=sys.stderr)
    return 2
