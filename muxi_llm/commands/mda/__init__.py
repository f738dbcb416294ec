"""The command `mda`: MDA documents and the papers of a release. Reading order: `results` (what a command is
given, and says), `documents`, `signing`, `releases`, `conformance`; `texts` are tables.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status: 0 done, 1 not valid, 2 not understood, 3 not readable, 4 a bug."""
    try:
        from muxi_llm.commands.mda.command import run  # noqa: PLC0415 - extras
    except ImportError as error:  # pragma: no cover - tests have every extra
        print(f"mda: {error}", file=sys.stderr)  # noqa: T201 - what a command is for
        return 3
    return run(sys.argv[1:] if arguments is None else list(arguments))
