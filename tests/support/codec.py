"""A codec for one request, with what became of it: the part that is the same for every wire's tests."""

from __future__ import annotations

from typing import Any, ClassVar

from muxi_llm.models import ChatCompletion
from muxi_llm.providers.profiles import profile_of
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, Wire, WireError, dumps, overlaid
from tests.support.bodies import HELLO


class WireCodec:
    """A wire for one request. A subclass says whose ledger, which wire and which model."""

    provider: ClassVar[str]
    kind: ClassVar[type[Wire]]
    model: ClassVar[str]

    def __init__(
        self,
        messages: Any = HELLO,
        *,
        model: str | None = None,
        strict: bool = False,
        native: Any = (),
        **body: Any,
    ) -> None:
        self.begin(model, strict=strict)
        self.out = self.wire.encode_request({"messages": messages, **body}, stream=body.get("stream", False))
        self.out = overlaid(self.out, dict(native))
        self.wire.settle(self.out)

    def begin(self, model: str | None, *, strict: bool) -> None:
        """A fresh wire over a fresh ledger."""
        name = model or self.model
        self.ledger = Ledger(self.provider, strict=strict)
        self.wire: Any = self.kind(name, self.ledger, profile_of(name))

    @property
    def told(self) -> dict[str, tuple[str, bool]]:
        """The ledger: parameter → what happened, and whether that is a loss."""
        return {entry.param: (entry.action, entry.loss) for entry in self.ledger.entries}

    def whole(self, raw: Any) -> ChatCompletion:
        """The value of an unstreamed reply."""
        return self.wire.decode_response(dumps(raw), created=1)

    def items(self, *pieces: bytes) -> list[Any]:
        """What the decoder gives for a stream that arrives in these pieces."""
        decoder = self.wire.stream_decoder(created=1)
        return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()

    def streamed(self, *pieces: bytes) -> ChatCompletion:
        """The value that the stream's chunks add up to."""
        items = self.items(*pieces)
        assert not [item for item in items if isinstance(item, WireError)]
        return collect(items)
