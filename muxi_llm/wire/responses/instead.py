"""OpenAI's chat completions, and its Responses instead where chat refuses.

Sources: https://platform.openai.com/docs/models (which models have which endpoint) and, for function tools of
the models since 5.4, https://github.com/openai/openai-openapi/issues/541. Which models those are is told by
their profile. Both give the same values, so nobody who calls sees a difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.responses.responses import OpenAIResponses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import ChatCompletion
    from muxi_llm.wire.base import Json, StreamDecoder


class ChatOrResponses(OpenAIChat):
    """Whichever of the two takes the request; the request decides, so it is known once that is encoded."""

    _instead: OpenAIResponses | None = None

    # ------------------------------------------------------------------------------ ours → theirs

    def path_for(self, *, stream: bool) -> str:
        if self._instead is None:
            return super().path_for(stream=stream)
        return self._instead.path_for(stream=stream)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        why = self.refused(body)
        if not why:
            return super().encode_request(self._without_state(body), stream=stream)
        self.ledger.moved("messages", f"{why}; asked by Responses")
        self._instead = OpenAIResponses(self.model, self.ledger, self.profile)
        return self._instead.encode_request(body, stream=stream)

    def refused(self, body: Mapping[str, Any]) -> str:
        """Why chat completions would not take *body*, if they would not."""
        if self.profile.responses == "always":
            return "OpenAI's chat completions have no such model"
        tools = body.get("tools") or body.get("functions")
        if self.profile.responses and tools and body.get("reasoning_effort") != "none":
            return "OpenAI's chat completions take no tools while this model reasons"
        if any(tool.get("type", "function") not in CHAT_TOOLS for tool in body.get("tools") or ()):
            return "OpenAI's chat completions have none of its own tools"
        return ""

    def _without_state(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """*body* without the state of earlier turns, whoever gave it: chat completions refuse it."""
        if not any(len(message) > 2 and _has_state(message) for message in body["messages"]):
            return body
        self.ledger.dropped("messages[].extra_content", "chat completions take none", loss=False)
        return {**body, "messages": [_stripped(message) for message in body["messages"]]}

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        if self._instead is None:
            return super().decode_response(data, created=created)
        return self._instead.decode_response(data, created=created)

    def stream_decoder(self, *, created: int) -> StreamDecoder:  # type: ignore[override]  # of either
        if self._instead is None:
            return super().stream_decoder(created=created)
        return self._instead.stream_decoder(created=created)


def _has_state(message: Json) -> bool:
    calls = message.get("tool_calls") or ()
    return "extra_content" in message or any("extra_content" in call for call in calls)


def _stripped(item: Json) -> Json:
    kept = {name: value for name, value in item.items() if name != "extra_content"}
    if kept.get("tool_calls"):
        kept["tool_calls"] = [_stripped(call) for call in kept["tool_calls"]]
    return kept


CHAT_TOOLS = {"function", "custom"}
