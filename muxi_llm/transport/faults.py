"""What HTTP libraries raise, as this library says it: by name, since they share no class of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.core.port import TransportError, UnsendableError

if TYPE_CHECKING:
    from types import TracebackType


class Faults:
    """`with FAULTS:` around what may fail; what is no fault of the connection passes as it is."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None or not isinstance(error, Exception) or isinstance(error, TransportError):
            return
        names = {base.__name__ for base in kind.__mro__}
        if names & LATE:
            raise TransportError("the request timed out", timeout=True) from error
        if names & NEVER_SENT:
            raise UnsendableError from None
        if names & BROKEN:
            raise TransportError(_story(error)) from error


def _story(error: Exception) -> str:
    kind, said = type(error).__name__, str(error)
    details = getattr(error, "details", None)  # pyreqwest's: the cause furthest down says what happened
    if isinstance(details, dict) and details.get("causes"):
        said = f"{getattr(error, 'message', said)}: {details['causes'][-1]['message']}"
    return f"{kind}: {said}" if said else kind


FAULTS = Faults()

# ------------------------------------------------------------------------------------------ tables

LATE = {"TimeoutException", "TimeoutError"}  # httpx2's, httpx's and httpcore2's; asyncio's
NEVER_SENT = {"LocalProtocolError", "UnsupportedProtocol", "InvalidURL", "UnicodeError", "BuilderError"}
BROKEN = {"RequestError", "StreamError", "NetworkError", "ProtocolError", "ProxyError", "OSError"}
