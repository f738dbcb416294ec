"""Type definitions for the parameters of a call, and every name of `openai.types`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.aliases import delegate

if TYPE_CHECKING:
    from openai.types import *  # noqa: F403 - the packages below have stubs beside this file


def __getattr__(name: str) -> Any:
    return delegate("types", name)
