"""A wire backwards: what the codecs of clients' own requests share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.errors import APIError
    from muxi_llm.wire.base import Json, Ledger


class Inbound:
    """The same wire backwards, for one request of a client: its body in, the body it expects out.

    An object remembers what its request asked for (the model's name, which chunks to send), so that the
    answer is in the client's own terms.
    """

    parameters: ClassVar[Mapping[str, str] | None] = None
    """Where parameters of the chat form are in a client's body (points between, within objects), those that
    are there at all; `None`: by their own names.
    """
    owner = ""
    """Whose the request is, among several who must not have each other's."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def decode_request(self, data: bytes) -> Json:
        """A client's body → OpenAI-shaped parameters, `model` and `stream` among them.

        Raises `WireError` for bytes that are no request. What the chat form has no room for goes to the
        ledger.
        """
        raise NotImplementedError

    def hear(self, headers: Mapping[str, str], body: Json) -> None:
        """Put into *body*, in place, what the client says in headers."""

    def own_body(self, raw: Json, ledger: Ledger) -> Json:  # noqa: ARG002 - most have nothing to take out
        """What the client's own server is asked: *raw* itself, unless it holds what only others know."""
        return raw

    def content_type(self, headers: Mapping[str, str], *, stream: bool) -> str:  # noqa: ARG002 - most know it
        """The type of the answer's body; headers: the provider's."""
        return "text/event-stream" if stream else "application/json"

    def encode_response(self, value: Any) -> bytes:
        """A typed value → the body of a success."""
        raise NotImplementedError

    def encode_chunk(self, chunk: Any) -> bytes:
        """A typed chunk → the events it amounts to, possibly none."""
        raise NotImplementedError

    def encode_end(self) -> bytes:
        """What ends a whole stream. Never called after `encode_fault`."""
        raise NotImplementedError

    def encode_fault(self, error: APIError) -> bytes:
        """An error in the middle of a stream → its event."""
        raise NotImplementedError

    def encode_error(self, error: APIError) -> bytes:
        """An error → the body of an error reply."""
        raise NotImplementedError


def message_of(error: APIError) -> str:
    """What an error says, without the status that OpenAI's clients put before it by themselves."""
    status = getattr(error, "status_code", None)
    return (error.message or type(error).__name__).removeprefix(f"Error code: {status} - ")


def has(body: Any, path: Sequence[str]) -> bool:
    """Whether *body* says something at a path of `Inbound.parameters`."""
    return not path or (isinstance(body, Mapping) and path[0] in body and has(body[path[0]], path[1:]))


def with_value(body: Mapping[str, Any], path: Sequence[str], value: Any) -> Json:
    """*body*, which says *value* there as well."""
    first, *rest = path
    return {**body, first: with_value(body.get(first) or {}, rest, value) if rest else value}
