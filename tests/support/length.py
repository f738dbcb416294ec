"""How long the long tests are: a part of their whole length, unless MUXI_LLM_LONG is set (`make test-long`)."""

from __future__ import annotations

import os

LONG = bool(os.environ.get("MUXI_LLM_LONG"))
"""Read before the tests' own fixtures hide the machine's settings."""


def long(whole: int, part: int) -> int:
    """*whole* if the long tests are to be whole, else *part*."""
    return whole if LONG else part
