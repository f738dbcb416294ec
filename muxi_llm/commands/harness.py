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


def add(command: argparse.ArgumentParser) -> None:
    """Give *command* its arguments."""
    command.add_argument("what", nargs="?", choices=("show", "clear"), default="show", help="default: show")
    command.add_argument("--redis-url", metavar="URL", help="redis://...; default: REDIS_URL")
    command.add_argument("--json", action="store_true", help="as JSON")
    command.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    try:
        from muxi_llm.harness import redis_contents  # noqa: PLC0415 - an extra

        url = given.redis_url or os.environ.get("REDIS_URL") or ""  # which is none, and said so
        if given.what == "clear":
            gone = redis_contents.empty(url)
            print(json.dumps({"cleared": gone}) if given.json else f"cleared: {gone}")
        else:
            found = redis_contents.contents(url)
            print(json.dumps(asdict(found), indent=2) if given.json else found)
    except (ConnectionError, ImportError, ValueError) as error:
        print(f"muxi-llm: {error}", file=sys.stderr)
        return 2
    return 0
