"""Text Generation Inference's own wire: `{"inputs", "parameters"}` in, `generated_text` or tokens out.

Source: https://huggingface.github.io/text-generation-inference/. DJL's containers speak it too
(https://docs.djl.ai/docs/serving/serving/docs/lmi/user_guides/lmi_input_output_schema.html). It completes
text: a conversation is written out, because the model's chat template is not known here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Json, Wire, build_value, loads, raise_in_band
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.reading import finish_word, reading
from muxi_llm.wire.requesting import (
    check,
    drop_fields,
    drop_others,
    stops_of,
    text_of,
    transcript,
    usage_wanted,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import ChatCompletionChunk
    from muxi_llm.wire.base import StreamDecoder


class TGI(Wire):
    """Text Generation Inference."""

    stream_headers = {"accept": "text/event-stream"}
    _inputs = ""
    _usage_wanted = False

    def path_for(self, *, stream: bool) -> str:
        return "/generate_stream" if stream else "/generate"

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        check(body, "TGI")
        if body.get("tools") or body.get("functions"):
            raise UnsupportedParameterError("tools: TGI completes text, it cannot call tools", param="tools")
        self._inputs = self._prompt(body["messages"])
        self._usage_wanted = usage_wanted(body)
        parameters: Json = {"details": True, "return_full_text": False}
        for name, theirs in PARAMETERS.items():
            if body.get(name) is not None:
                parameters[theirs] = body[name]
        if "stop" in parameters:
            parameters["stop"] = stops_of(body)
        if "temperature" in parameters:
            parameters["do_sample"] = parameters["temperature"] > 0
            if not parameters["do_sample"]:
                del parameters["temperature"]  # it must be above 0; greedy is what 0 means
        drop_others(body, TRANSLATED, self.ledger, "TGI has no such parameter")
        encoded: Json = {"inputs": self._inputs, "parameters": parameters}
        return {**encoded, "stream": True} if stream else encoded

    def _prompt(self, messages: list[Json]) -> str:
        turns = []
        for index, message in enumerate(messages):
            at = f"messages[{index}]"
            drop_fields(message, at, LOST, self.ledger, "texts")
            turns.append((message["role"], text_of(message, at, "TGI")))
        if len(turns) == 1 and turns[0][0] == "user":
            return turns[0][1]
        self.ledger.changed("messages", "written out as text: the model's chat template is not known here")
        return transcript(turns)

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        answer = raw[0] if isinstance(raw, list) and raw else raw
        raise_in_band(answer)
        with reading("not a generated text", data):
            # Some containers repeat the prompt.
            message = {"role": "assistant", "content": answer["generated_text"].removeprefix(self._inputs)}
            details = answer.get("details") or {}
            reason = details.get("finish_reason") or "eos_token"
            finish = finish_word(reason, FINISH_REASONS)
            choice: Json = {"index": 0, "logprobs": None, "finish_reason": finish}
            choice |= {"message": message, "native_finish_reason": reason}
            value = {"id": "", "object": "chat.completion", "created": created, "model": self.model}
            return build_value(ChatCompletion, {**value, "choices": [choice], **usage_of(details)})

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        return TGIStreamDecoder(model=self.model, created=created, usage=self._usage_wanted)


class TGIStreamDecoder(ChunkDecoder):
    """Tokens → chunks. The answer is whole with the event that has the `generated_text` or the `details`.

    usage: whether to end with a chunk of it.
    """

    terminator = "generated_text"
    _begun = False

    def __init__(self, *, model: str, created: int, usage: bool) -> None:
        super().__init__(model=model, created=created)
        self._usage_wanted = usage

    def read(self, name: bytes, data: bytes) -> list[ChatCompletionChunk]:  # noqa: ARG002 - none has one
        """The chunks one token amounts to."""
        if not data:
            return []
        event = loads(data)
        raise_in_band(event)
        token = event.get("token") or {}
        delta: Json = {} if self._begun else {"role": "assistant"}
        if token.get("text") and not token.get("special"):
            delta["content"] = token["text"]
        details = event.get("details")
        self._begun = True
        if details is None and event.get("generated_text") is None:
            return [self.chunk(delta)] if delta else []
        reason = (details or {}).get("finish_reason") or "eos_token"
        last = self.chunk(delta, finish=finish_word(reason, FINISH_REASONS))
        self.over = True
        self.counted = usage_of(details or {}).get("usage")
        return [last, self.usage_chunk(self.counted)] if self._usage_wanted and self.counted else [last]


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

TRANSLATED = PARAMETERS.keys() | {"messages", "stream", "stream_options", "n", "tools", "functions"}

LOST = ("name", "audio", "tool_calls", "function_call")
"""Fields of a message that are not told in its text."""

FINISH_REASONS = {"length": "length", "eos_token": "stop", "stop_sequence": "stop"}
