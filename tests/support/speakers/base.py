"""What a test says and asks, in no vendor's words, and what a speaker must be able to do with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.upstream import Respond

Json = dict[str, Any]
Trap = Callable[[list[bytes]], list[bytes]]

TEXT = "Grüße, 世界 👋, it said."
NOTHING: Json = {}


class _Somehow:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None


SOMEHOW = _Somehow()
"""Stands for a value that this wire has other words for: equal to anything."""


@dataclass(frozen=True)
class Call:
    """A tool call."""

    name: str = "weather"
    arguments: Json = field(default_factory=lambda: {"city": "Zürich", "days": [1, 2]})
    id: str = "call_abc123"


@dataclass(frozen=True)
class Usage:
    """Tokens; cached ones are part of the prompt's, reasoning ones of the answer's."""

    prompt: int = 20
    completion: int = 8
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Said:
    """An answer. finish: the vendor's own word; `None` is what goes with the answer."""

    text: str | None = TEXT
    calls: tuple[Call, ...] = ()
    finish: str | None = None
    usage: Usage = Usage()
    reasoning: str = ""

    def but(self, **changes: Any) -> Said:
        """The same with *changes*."""
        return replace(self, **changes)


@dataclass
class Asked:
    """A request as a vendor's server understands it.

    facts: the conversation, one tuple for each thing in it: `("system", text)`, `("user", text)`,
    `("image", url or data)`, `("assistant", text)`, `("call", name, arguments)`, `("result", name, text)`.
    params: everything else, under OpenAI's names where there is one.
    """

    facts: list[tuple[Any, ...]] = field(default_factory=list)
    model: str | None = None
    stream: bool = False
    tools: dict[str, Json] = field(default_factory=dict)
    choice: str = "auto"
    max_tokens: int | None = None
    json: bool = False
    schema: Json | None = None
    params: Json = field(default_factory=dict)

    def of(self, kind: str) -> list[Any]:
        """What there is of one kind of fact, without the kind."""
        return [fact[1] if len(fact) == 2 else fact[1:] for fact in self.facts if fact[0] == kind]

    @property
    def words(self) -> str:
        """All text of the conversation."""
        return "\n".join(str(fact[1]) for fact in self.facts)


class Speaker:
    """One wire, as its vendor's server speaks it. Stateless."""

    model = "some-model"
    """A model name as this wire's providers have them."""
    finishes: Mapping[str, str] = {}
    """The vendor's word for why an answer ended → OpenAI's."""
    failures: Sequence[str] = ()
    """Its words for answers that failed."""
    open_enough = 0
    """How many of a stream's last events may be missing without the answer being cut."""
    stream_type = "text/event-stream"
    says_reasoning = True
    counts_cached = True
    counts_reasoning = True
    names_calls = True
    """Whether a tool call has an id."""
    hides_errors = True
    """Whether an error may come behind a 200, as proxies and some vendors have it."""
    keeps_turns = True
    """Whether there is room for a conversation; without it, the text of all turns goes as one, which is told."""
    streams_usage = True
    """Whether a stream tells what it cost."""

    # ------------------------------------------------------------------------------------ answers

    def whole(self, said: Said) -> Any:
        """The body of an answer in one piece."""
        raise NotImplementedError

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        """The events of the same answer streamed; usage: whether the client asked for it."""
        raise NotImplementedError

    def replies(self, said: Said, *, stream: bool = False, usage: bool = True) -> list[Respond]:
        """The HTTP replies that give *said*, in order."""
        if not stream:
            return [Respond(json=self.whole(said))]
        return [self.streamed(self.events(said, usage=usage))]

    def streamed(self, events: list[bytes], *, cut: bool = False) -> Respond:
        """A reply that streams *events*."""
        return Respond(chunks=events, headers={"Content-Type": self.stream_type}, cut=cut)

    def traps(self) -> Mapping[str, Trap]:
        """What servers of this wire do to a stream, none of which changes what it says."""
        return {}

    # ------------------------------------------------------------------------------------- errors

    def error(self, status: int, text: str) -> Any:
        """The body of an error in the vendor's own form."""
        return {"error": {"message": text, "code": status}}

    def broken(self, status: int, text: str) -> bytes | None:
        """An error as an event of a stream that began well, `None` where the wire has none."""
        raise NotImplementedError

    # ----------------------------------------------------------------------------------- requests

    def asked(self, path: str, body: Json) -> Asked:
        """A request, understood."""
        raise NotImplementedError


def sse(event: Any, name: str = "") -> bytes:
    """A server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode()


def cut(text: str, size: int = 5) -> list[str]:
    """*text* in pieces."""
    return [text[at : at + size] for at in range(0, len(text), size)]


def listed(value: Any) -> list[Any]:
    """A string or a list as a list."""
    return [value] if isinstance(value, str) else list(value or ())


def arguments_of(value: Any) -> Json:
    """A tool call's arguments; they must have come as the JSON text they are."""
    assert isinstance(value, str), f"arguments must be a string, not {value!r}"
    return json.loads(value or "{}")
