"""The work each contender is asked to do, as data."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from bench import replies

Message = dict[str, str]
Kind = Literal["sync", "async", "swarm", "stream"]
Role = Literal["chat", "achat", "stream", "messages", "hchat", "hachat"]

CONCURRENCY: Final = 1000


class Workload(NamedTuple):
    title: str
    role: Role  # which function of a contender does it
    kind: Kind  # how it is driven and timed
    messages: int
    prefix: str  # upstream path prefix: latency, pacing
    loop: str  # event loop of the async kinds
    fast_calls: int  # calls a run, for contenders below ~1 ms a call
    slow_calls: int  # and for the others
    baseline: str  # the contender ratios refer to
    expected: str
    width: int = CONCURRENCY  # callers of a swarm
    only: tuple[str, ...] = ()  # contenders, if not all that can

    def calls(self, slow: bool, quick: bool) -> int:
        """Calls of a run. A swarm is never fewer than twice its callers: all must be in flight."""
        calls = self.slow_calls if slow else self.fast_calls
        least = 2 * self.width if self.kind == "swarm" else 5
        return max(least, calls // 4) if quick else calls

    @property
    def units(self) -> int:
        """What a call is divided by: the chunks of a stream, else 1."""
        return replies.STREAM_EVENTS if self.kind == "stream" else 1


_CHAT = replies.CHAT_TEXT
_STREAM = replies.STREAM_TEXT

WORKLOADS: Final[dict[str, Workload]] = {
    "chat": Workload("sync chat, 2 messages", "chat", "sync", 2, "", "", 4000, 600, "openai", _CHAT),
    "chat100": Workload("sync chat, 100 messages", "chat", "sync", 100, "", "", 2000, 80, "openai", _CHAT),
    "async_chat": Workload(
        "async chat, 2 messages, standard loop", "achat", "async", 2, "", "stdlib", 3000, 500, "openai", _CHAT
    ),
    "async_chat_uvloop": Workload(
        "async chat, 2 messages, uvloop", "achat", "async", 2, "", "uvloop", 3000, 500, "openai", _CHAT
    ),
    "stream_burst": Workload(
        "sync stream, 201 events at once", "stream", "stream", 2, "", "", 100, 20, "openai", _STREAM
    ),
    "stream_paced": Workload(
        "sync stream, 201 events 200 µs apart", "stream", "stream", 2, "/paced", "", 30, 15, "openai", _STREAM
    ),
    "messages": Workload(
        "sync chat served by Anthropic's API",
        "messages",
        "sync",
        2,
        "",
        "",
        3000,
        500,
        "anthropic",
        replies.MESSAGES_TEXT,
    ),
    "harness": Workload(
        "sync chat, the harness around it", "hchat", "sync", 2, "", "", 20000, 20000, "bare", _CHAT
    ),
    "async_harness": Workload(
        "async chat, the harness around it", "hachat", "async", 2, "", "stdlib", 20000, 20000, "bare", _CHAT
    ),
    "concurrent": Workload(
        "1000 concurrent async calls, 50 ms upstream, uvloop",
        "achat",
        "swarm",
        2,
        "/delay50",
        "uvloop",
        20000,
        3000,
        "openai",
        _CHAT,
    ),
    **{
        f"concurrent_{width}": Workload(
            f"{width} concurrent async calls, 50 ms upstream, uvloop",
            "achat",
            "swarm",
            2,
            "/delay50",
            "uvloop",
            calls,
            calls,
            "openai",
            _CHAT,
            width,
            ("muxi", "muxi-fast", "openai") if width < 1000 else ("muxi", "muxi-fast"),
        )
        for width, calls in ((1, 100), (10, 500), (100, 2000), (5000, 15000))
    },
}


def conversation(count: int) -> list[Message]:
    """A system message and then turns, the last one the user's."""
    turns = ({"role": ("assistant", "user")[n % 2], "content": _line(n)} for n in range(1, count))
    return [{"role": "system", "content": "You are a helpful assistant. Answer in one paragraph."}, *turns]


def _line(number: int) -> str:
    return f"Turn {number}: tell me more about the history of the printing press, please, in plain words."
