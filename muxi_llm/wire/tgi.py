"""Text Generation Inference's own wire: `{"inputs", "parameters"}` in, `generated_text` or tokens out.

Source: https://huggingface.github.io/text-generation-inference/. DJL's containers speak it too
(https://docs.djl.ai/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html). It completes
text: a conversation is written out, because the model's chat template is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.wire.base import Json, Wire, WireError, build_value, is_neutral, loads, raise_in_band
from muxi_llm.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import StreamDecoder


class TGI(Wire):
    """Text Generation Inference."""

    stream_headers = {"accept": "text/event-stream"}
    _inputs = ""

    def path_for(self, *, stream: bool) -> str:
        return "/generate_stream" if stream else "/generate"

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        self._inputs = self._prompt(body["messages"])
        parameters: Json = {"details": True, "return_full_text": False}
        for name, theirs in PARAMETERS.items():
            if body.get(name) is not None:
                parameters[theirs] = body[name]
        if isinstance(parameters.get("stop"), str):
            parameters["stop"] = [parameters["stop"]]
        if "temperature" in parameters:
            parameters["do_sample"] = parameters["temperature"] > 0
            if not parameters["do_sample"]:
                del parameters["temperature"]  # it must be above 0; greedy is what 0 means
        if (body.get("n") or 1) > 1:
            raise UnsupportedParameterError("n: TGI gives one answer a call; ask n times", param="n")
        for name in body.keys() - PARAMETERS.keys() - TRANSLATED:
            if not is_neutral(name, body[name]):
                self.ledger.dropped(name, "TGI has no such parameter", loss=name != "user")
        encoded: Json = {"inputs": self._inputs, "parameters": parameters}
        return {**encoded, "stream": True} if stream else encoded

    def _prompt(self, messages: list[Json]) -> str:
        texts = [self._text(message, f"messages[{index}]") for index, message in enumerate(messages)]
        if len(texts) == 1 and messages[0]["role"] == "user":
            return texts[0]
        self.ledger.changed("messages", "written out as text: the model's chat template is not known here")
        turns = [f"{m['role'].capitalize()}: {text}" for m, text in zip(messages, texts, strict=True)]
        return "\n\n".join([*turns, "Assistant:"])

    def _text(self, message: Json, at: str) -> str:
        content = message.get("content") or ""
        if isinstance(content, str):
            return content
        if any(part["type"] != "text" for part in content):
            raise UnsupportedParameterError(f"{at}: TGI takes text alone", param=at)
        return "".join(part["text"] for part in content)

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        answer = raw[0] if isinstance(raw, list) and raw else raw
        raise_in_band(answer)
        if not isinstance(answer, dict) or not isinstance(answer.get("generated_text"), str):
            raise WireError("malformed", f"the reply has no generated_text: {str(raw)[:200]}")
        details = answer.get("details") or {}
        reason = details.get("finish_reason") or "eos_token"
        text = answer["generated_text"].removeprefix(self._inputs)  # some containers repeat the prompt
        choice: Json = {"index": 0, "logprobs": None, "finish_reason": FINISH_REASONS.get(reason, "stop")}
        choice |= {"message": {"role": "assistant", "content": text}, "native_finish_reason": reason}
        value = {"id": "", "object": "chat.completion", "created": created, "model": self.model}
        return build_value(ChatCompletion, {**value, "choices": [choice], **usage_of(details)})

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        return TGIStreamDecoder(self.model, created)


class TGIStreamDecoder:
    """Tokens → chunks. The answer is whole with the event that has the `generated_text` or the `details`."""

    def __init__(self, model: str, created: int) -> None:
        self._sse = SSEDecoder()
        self._head: Json = {"id": "", "object": "chat.completion.chunk", "created": created, "model": model}
        self._begun = False
        self.over = False

    def feed(self, data: bytes) -> list[ChatCompletionChunk | WireError]:
        return self._decode(self._sse.feed(data))

    def finish(self) -> list[ChatCompletionChunk | WireError]:
        items = self._decode(self._sse.finish())
        if not self.over:
            items.append(WireError("incomplete", "the stream ended before the answer was finished"))
        return items

    def _decode(self, events: list[tuple[bytes, bytes]]) -> list[ChatCompletionChunk | WireError]:
        items: list[ChatCompletionChunk | WireError] = []
        for _, data in events:
            if self.over or not data:
                continue
            try:
                items += self._event(loads(data))
            except WireError as error:
                self.over = True
                items.append(error)
            except (KeyError, TypeError, AttributeError) as error:
                self.over = True
                items.append(WireError("malformed", f"an event that makes no sense: {error!r}"))
        return items

    def _event(self, event: Json) -> list[ChatCompletionChunk]:
        raise_in_band(event)
        token = event.get("token") or {}
        delta: Json = {} if self._begun else {"role": "assistant"}
        if token.get("text") and not token.get("special"):
            delta["content"] = token["text"]
        details = event.get("details")
        self.over = details is not None or event.get("generated_text") is not None
        self._begun = True
        if not self.over:
            return [self._chunk(delta, None, {})] if delta else []
        return [self._chunk(delta, (details or {}).get("finish_reason") or "eos_token", details or {})]

    def _chunk(self, delta: Json, reason: str | None, details: Json) -> ChatCompletionChunk:
        finish = FINISH_REASONS.get(reason, "stop") if reason else None
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
        return build_value(ChatCompletionChunk, {**self._head, "choices": [choice], **usage_of(details)})


def usage_of(details: Json) -> Json:
    """The cost, as far as it is told: what went in only where the prompt's tokens are listed."""
    answer = details.get("generated_tokens")
    if answer is None:
        return {}
    prompt = details.get("input_length") or len(details.get("prefill") or ())
    return {
        "usage": {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
        }
    }


# ------------------------------------------------------------------------------------------ tables

PARAMETERS = {
    "max_tokens": "max_new_tokens",
    "max_completion_tokens": "max_new_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "stop": "stop",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
}

TRANSLATED = {"messages", "stream", "stream_options", "n"}

FINISH_REASONS = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}
"""Anything else, nothing included, is `stop`."""
