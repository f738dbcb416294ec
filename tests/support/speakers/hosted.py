"""OpenAI's chat at services that put it on other paths, or in other frames."""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.speakers.base import Asked, Json, Said, Trap
from tests.support.speakers.converse import framed
from tests.support.speakers.openai_chat import OpenAIChatSpeaker
from tests.support.speakers.traps import bytewise


class WatsonxSpeaker(OpenAIChatSpeaker):
    """https://cloud.ibm.com/apidocs/watsonx-ai#text-chat, …#text-chat-stream."""

    def asked(self, path: str, body: Json) -> Asked:
        assert path in {"/ml/v1/text/chat", "/ml/v1/text/chat_stream"}, path
        assert "stream" not in body
        renamed = {PARAMS.get(name, name): value for name, value in body.items()}
        return super().asked("/chat/completions", {**renamed, "stream": path.endswith("stream")})


PARAMS = {"model_id": "model", "tool_choice_option": "tool_choice"}


class SageMakerSpeaker(OpenAIChatSpeaker):
    """https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpointWithResponseStream.html:
    a container's server-sent events, cut anywhere, in frames.
    """

    model = "my-endpoint"
    stream_type = "application/vnd.amazon.eventstream"

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        return [part(event) for event in super().events(said, usage=usage)]

    def broken(self, status: int, text: str) -> bytes:
        head = {":message-type": "exception", ":exception-type": "InternalStreamFailure"}
        return framed(b'{"Message": "%s"}' % text.encode(), head)

    def traps(self) -> Mapping[str, Trap]:
        return {
            "bytewise": bytewise,
            "one-piece": lambda frames: [b"".join(frames)],
            "no-done": lambda frames: frames[:-1],
        }

    def asked(self, path: str, body: Json) -> Asked:
        *_, model, verb = path.split("/")
        assert verb in {"invocations", "invocations-response-stream"}, path
        assert body.get("stream", False) is verb.endswith("stream")
        asked = super().asked("/chat/completions", body)
        asked.model = model
        return asked


def part(payload: bytes) -> bytes:
    """Two parts of a stream: a container's writes are not cut where its events are."""
    half = len(payload) // 2
    head = {":message-type": "event", ":event-type": "PayloadPart"}
    return b"".join(framed(piece, head) for piece in (payload[:half], payload[half:]))
