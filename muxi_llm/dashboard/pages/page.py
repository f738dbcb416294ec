"""What a page is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any

    from starlette.types import ASGIApp

    from muxi_llm.dashboard.visits import Visit

    Work = Callable[[Visit], Coroutine[Any, Any, ASGIApp]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page: where, what it is called in the menu ("" for one that is not there), which operation of the API
    its viewer must have the right to, and how it answers.

    acts: name → what a form of it does, at `path/name`. is_open: to who is not logged in, too.
    """

    path: str
    title: str
    show: Work
    right: str = ""
    group: str = ""
    acts: Mapping[str, Work] = field(default_factory=dict)
    is_open: bool = False
