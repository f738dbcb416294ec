"""SageMaker's runtime around the wires its containers speak: the path, and frames around what they stream.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html.
A payload part ends anywhere; what the parts hold together is SSE or, from DJL's containers, JSON lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.aws.eventstream import EventStreamDecoder, Frame
from muxi_llm.wire.aws.faults import decode_aws_fault, raise_exception
from muxi_llm.wire.base import Fault, Json, StreamDecoder, Wire, WireError, loads
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.completions import as_completion
from muxi_llm.wire.reading import reading
from muxi_llm.wire.requesting import drop_others
from muxi_llm.wire.tgi import TGI
from muxi_llm.wire.vectors import Asked, embeddings_of, texts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.models import CreateEmbeddingResponse


class Container(Wire):
    """A container behind an endpoint, which the path names; beside the wire that it speaks."""

    stream_headers = {"accept": "application/vnd.amazon.eventstream"}

    def path_for(self, *, stream: bool) -> str:
        return f"/endpoints/{quote(self.model, safe='')}/invocations{'-response-stream' if stream else ''}"

    def stream_decoder(self, *, created: int) -> Any:  # what the wire beside it says is narrower
        return Payloads(super().stream_decoder(created=created))

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


class SageMakerChat(Container, OpenAIChat):
    """Chat completions, as vLLM's, DJL's and Hugging Face's containers take them at `/invocations`."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        del encoded["model"]  # an endpoint's name is not its model's; containers that know one do without
        return encoded


class SageMakerTGI(Container, TGI):
    """Text Generation Inference's wire."""


class SageMakerCompletions(SageMakerTGI):
    """Text completions: what that wire is made for."""

    endpoint = "completion"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        (prompt, *others) = texts_of(body["prompt"], self.ledger.provider, param="prompt")
        if others:
            raise UnsupportedParameterError("TGI completes one prompt a call", param="prompt")
        rest = {name: value for name, value in body.items() if name != "prompt"}
        return super().encode_request(
            {**rest, "messages": [{"role": "user", "content": prompt}]}, stream=stream
        )

    def decode_response(self, data: bytes, *, created: int) -> Any:
        return as_completion(super().decode_response(data, created=created))

    def stream_decoder(self, *, created: int) -> Payloads:
        return Payloads(TGI.stream_decoder(self, created=created), as_completion)


class SageMakerEmbeddings(Container):
    """`{"inputs": [texts]}`, as Text Embeddings Inference and Hugging Face's toolkit take it."""

    endpoint = "embedding"
    _asked = Asked()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._asked = Asked.of(body)
        known = {"input", "encoding_format"}
        drop_others(body, known, self.ledger, "the container's wire has no such parameter")
        return {"inputs": texts_of(body["input"], self.ledger.provider)}

    def decode_response(self, data: bytes, *, created: int) -> CreateEmbeddingResponse:  # noqa: ARG002
        vectors = raw = loads(data)
        with reading("no embeddings", data):
            if isinstance(raw, dict):
                vectors = next((raw[name] for name in VECTORS if name in raw), None)
                if isinstance(raw.get("data"), list):
                    vectors = [row["embedding"] for row in raw["data"]]
        return embeddings_of(vectors, self._asked, self.model)


class Payloads:
    """Frames in, the items of the decoder *inner* out, each made what *made* makes of it."""

    def __init__(self, inner: StreamDecoder, made: Callable[[Any], Any] = lambda item: item) -> None:
        self._frames = EventStreamDecoder()
        self._inner = inner
        self._made = made
        self._lines: bool | None = None
        self._failed = False

    @property
    def counted(self) -> Any:
        """The usage so far."""
        return getattr(self._inner, "counted", None)

    @property
    def over(self) -> bool:
        return self._failed or self._inner.over

    def feed(self, data: bytes) -> list[Any]:
        items: list[Any] = []
        for frame in self._frames.feed(data):
            if self.over:
                break
            try:
                items += map(self._made, self._inner.feed(self._events(frame)))
            except WireError as error:
                self._failed = True
                items.append(error)
        return items

    def finish(self) -> list[Any]:
        if self._failed:
            return []
        if self._frames.inside and not self._inner.over:
            return [WireError("incomplete", "the stream ended in the middle of a frame")]
        return [self._made(item) for item in self._inner.finish()]

    def _events(self, frame: Frame | WireError) -> bytes:
        """A part of the container's stream, JSON lines made server-sent events."""
        if isinstance(frame, WireError):
            raise frame
        raise_exception(frame)
        payload = frame.payload
        if self._lines is None:
            payload = payload.lstrip()
            if not payload:
                return b""
            self._lines = payload.startswith(b"{")
            payload = b"data: " + payload if self._lines else payload
        return payload.replace(b"\n", b"\n\ndata: ") if self._lines else payload


# ------------------------------------------------------------------------------------------ tables

VECTORS = ("embeddings", "embedding", "vectors")
"""Where containers put them: Cohere's, JumpStart's, others'."""
