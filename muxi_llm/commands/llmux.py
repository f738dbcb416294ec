"""`llmux`: the gateway by the name and the arguments of those before it.

`llmux start --config config.toml` and `llmux --config config.yaml` are `muxi-llm serve --config FILE`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from muxi_llm.commands.main import main

if TYPE_CHECKING:
    from collections.abc import Sequence

STARTS = {"start", "s"}


def llmux(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] and given[0] in STARTS:
        del given[0]
    is_named = any(word.partition("=")[0] == "--config" for word in given)
    return main(["serve", *([] if is_named else ["--config", "config.toml"]), *given])
