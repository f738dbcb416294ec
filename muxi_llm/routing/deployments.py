"""What may be asked: deployments, frozen, and what a request needs of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Window(NamedTuple):
    """So many requests within the last so many seconds, at any time."""

    limit: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A named place requests may go to.

    name: its own, of which there is one. model: `provider/model`, `provider/*` for whichever is asked for.
    serves: shell patterns of the models people ask for, in small letters. weight: its share, among others;
    rpm, tpm: requests and tokens a minute it may take. context: tokens a request and its answer may have,
    `None` if that is not known. vision, tools, schema, thinking: what it can do. windows: requests within
    longer times. price: USD for a token in and for one out, `None` if that is not known.
    """

    name: str
    model: str
    serves: tuple[str, ...] = ()
    weight: float | None = None
    rpm: int | None = None
    tpm: int | None = None
    context: int | None = None
    vision: bool = True
    tools: bool = True
    schema: bool = True
    thinking: bool = True
    windows: tuple[Window, ...] = ()
    price: tuple[float, float] | None = None

    @property
    def is_particular(self) -> bool:
        """Whether what a request needs makes any difference here."""
        able = all(getattr(self, name) for name in CAPABILITIES)
        return not able or self.context is not None or self.tpm is not None

    def is_for(self, model: str) -> bool:
        """Whether somebody who asks for *model* may get this one. Large and small letters are alike."""
        name = model.lower()
        return any(name == pattern or fnmatchcase(name, pattern) for pattern in self.serves)


def nothing() -> int:
    """Tokens of a request nobody has counted."""
    return 0


@dataclass(frozen=True, slots=True)
class Needs:
    """What one request needs.

    size: bytes of its body: no request has more tokens. count: counts them, called only where it may matter.
    output: tokens the answer may have. vision, tools, schema, thinking: what it makes use of. stream: whether
    the time to the first token is what counts. session: whose cached prompt it should find again, "" for
    nobody's.
    """

    size: int = 0
    output: int = 0
    vision: bool = False
    tools: bool = False
    schema: bool = False
    thinking: bool = False
    stream: bool = False
    session: str = ""
    count: Callable[[], int] = field(default=nothing, compare=False)

    def lacking(self, deployment: Deployment) -> str:
        """Why *deployment* cannot serve this, "" if it can."""
        for name in CAPABILITIES:
            if getattr(self, name) and not getattr(deployment, name):
                return LACKS[name]
        room = deployment.context
        if room is not None and self.size + self.output > room:  # else it fits, however it is counted
            tokens = self.count()
            if tokens + self.output > room:
                return f"its context is {room} tokens, and this takes {tokens + self.output}"
        return ""

    @property
    def tokens(self) -> int:
        """Tokens it will take, about: four bytes each, and the answer's."""
        return self.size // 4 + self.output


LACKS: Mapping[str, str] = {
    "vision": "it sees no images",
    "tools": "it calls no tools",
    "schema": "it keeps to no schema",
    "thinking": "it does not think",
}
CAPABILITIES = tuple(LACKS)
