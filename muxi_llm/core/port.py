"""The port: the few verbs the core may ask of the world. Implementations live in `transport`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from muxi_llm.core.plan import Attempt, Outcome
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.models import Report
    from muxi_llm.wire.base import Reply, WireCall

T = TypeVar("T")


class IO(Protocol):
    """Sends, sleeps, tells the time, runs blocking code of others. A blocking port never suspends."""

    async def send(self, call: WireCall) -> Reply:
        """The reply; of a stream, the head and a reader. Raises `TransportError` if none came."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def random(self) -> float:
        """A number from 0 to 1."""

    async def run(self, work: Callable[[], T]) -> T:
        """What *work* returns: blocking code of a library, kept off the event loop where there is one."""

    def event(self) -> Event:
        """Something to wait for that another call sets."""

    def spawn(self, work: Coroutine[Any, Any, None]) -> Callable[[], object]:
        """Run *work* on its own; the function returned cancels it. On a blocking port it is over by then."""

    def aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Run *work* beside the call, on either face: nobody waits for it, and nobody cancels it."""


class Event(Protocol):
    """Happens once. holds_up_a_loop: to wait here stops an event loop, and with it who may be waited for."""

    holds_up_a_loop: bool

    def set(self) -> None:
        """It happened; from any thread, and more than once if need be."""

    def is_lost(self) -> bool:
        """Whether nobody can be waiting here any more: its event loop is over, or stands still."""

    async def wait(self, seconds: float | None = None) -> bool:
        """Until it happens, or for so long; whether it did."""


class Harness(Protocol):
    """What may stand around a call; see `muxi_llm.harness.pipeline`."""

    async def answer(
        self,
        io: IO,
        request: Request,
        candidates: Sequence[Candidate],
        work: Callable[[], Coroutine[Any, Any, tuple[Any, Report]]],
    ) -> tuple[Any, Report]:
        """The value and the report of *work*, or of an equal call before or beside it."""

    is_bare: bool
    """Whether nothing stands around a whole call."""

    def forget_answer(self, request: Request, candidates: Sequence[Candidate]) -> bool:
        """Forget the answer that is kept for such a call; whether there was one."""

    def passage(self, request: Request, candidates: Sequence[Candidate]) -> Passage | None:
        """The way of one call through what stands around its attempts, if anything does."""

    def passage_after(
        self, io: IO, candidates: Sequence[Candidate], candidate: Candidate, outcome: Outcome
    ) -> Passage | None:
        """The same from here on, for a call that had none, after an attempt at *candidate* that failed."""


class Passage(Protocol):
    """Stands around each attempt of one call."""

    async def attempt(
        self, io: IO, step: Attempt, work: Callable[[Candidate, float], Coroutine[Any, Any, Outcome]]
    ) -> Outcome:
        """The outcome of *work* within its seconds, or of what did not let it through."""

    def pause(self, io: IO, seconds: float) -> float | None:
        """How long to wait, *seconds* at least, before the candidate just tried is tried once more.

        `None`: it is not to be.
        """

    def close(self, io: IO) -> None:
        """The call is over, however it ended."""


class Watch(Protocol):
    """Follows the attempts at one candidate; see `muxi_llm.routes`."""

    def enter(self) -> MuxiLLMError | None:
        """An attempt is about to be made, unless this says why it may not be."""

    def began(self, seconds: float) -> None:
        """Its stream has begun, after so long."""

    def leave(self, seconds: float, outcome: Outcome | None, *, quietly: bool = False) -> None:
        """One that entered is over, a stream with its end. `None`: given up. quietly: from a finalizer."""


class TransportError(Exception):
    """No reply, or no more of it. timeout: it did not fail, it was too late."""

    def __init__(self, message: str, *, timeout: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.timeout = timeout


class UnsendableError(TransportError):
    """Nothing was sent and nothing ever could be: the URL or a header is none. The libraries' own words are
    not quoted, they hold the header, which may be a key.
    """

    def __init__(self) -> None:
        super().__init__("the URL or a header of the request is not valid HTTP")


class UnreadableError(TransportError):
    """A file of the request could not be read while it was sent. param: the argument it came by."""

    def __init__(self, message: str, param: str | None) -> None:
        super().__init__(message)
        self.param = param


class TooLargeError(TransportError):
    """More came than `muxi_llm.config.bounds` allows, and asked again it would again."""
