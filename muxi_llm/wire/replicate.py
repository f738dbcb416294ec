"""Replicate's predictions. Sources: https://replicate.com/docs/reference/http#predictions.create,
https://replicate.com/docs/topics/predictions/streaming.

A prediction is the input of one model, by that model's own names. Most language models take a prompt and
a system prompt; OpenAI's take messages too. To the others a conversation of several turns goes as a
transcript, which is declared as a change. `extra_body` (or `provider_options`) adds to the input and
wins over it, `{"input": {"max_new_tokens": 9, "max_tokens": None}}` or without the `input`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.models import ChatCompletion, Model
from muxi_llm.wire.base import Json, Wire, WireError, build_value, loads
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.reading import broken, reading
from muxi_llm.wire.requesting import check, drop_fields, drop_others, stops_of, text_of, transcript

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import ChatCompletionChunk
    from muxi_llm.wire.base import Ledger, Profile


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a family of models calls its inputs. image: its one image; images: a list of them."""

    system: str = "system_prompt"
    max_tokens: str = "max_tokens"
    image: str = "image"
    images: str | None = None
    messages: str | None = None


class ReplicateModels(ModelsList):
    """https://replicate.com/docs/reference/http#collections.get: the language models, of all there are."""

    path = "/collections/language-models"
    items = "models"
    name = "name"

    def _model(self, row: Json) -> Model:
        return super()._model({**row, "name": f"{row.get('owner')}/{row['name']}"})


class ReplicatePrediction(Wire):
    """Replicate predictions of language models."""

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        name = model.partition(":")[0]
        self.path, self._version = prediction_path(model)
        self._names = next(inputs for pattern, inputs in FAMILIES if re.match(pattern, name))
        self._input: Json = {}

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        check(body, "Replicate")
        self._input = {**self._said(body["messages"]), **self._parameters(body)}
        why = "no input of Replicate's language models; what a model has of its own goes by extra_body"
        drop_others(body, TRANSLATED, self.ledger, why)
        out: Json = {"version": self._version} if self._version else {}
        return {**out, "input": self._input, "stream": True} if stream else {**out, "input": self._input}

    def _said(self, messages: list[Mapping[str, Any]]) -> Json:
        said, pictures = [], []
        for index, message in enumerate(messages):
            at = f"messages[{index}]"
            drop_fields(message, at, LOST, self.ledger, "Replicate's inputs")
            said.append((message["role"], text_of(message, at, "Replicate", {"image_url"})))
            pictures += _pictures(message, at)
        turns = [(role, text) for role, text in said if role != "system"]
        images = self._images(pictures) if pictures else {}
        system = "\n\n".join(text for role, text in said if role == "system")
        if not turns:
            self.ledger.moved("messages", "there is no prompt but the system message; sent as one")
            return {"prompt": system, **images}
        if self._names.messages and len(turns) > 1:
            told = [{"role": role if role in ROLES else "user", "content": text} for role, text in said]
            return {self._names.messages: told, **images}
        if said[-len(turns) :] != turns:
            self.ledger.moved("messages", "system messages go before all others; sent as the system prompt")
        prompt = turns[0][1] if len(turns) == 1 else self._transcript(turns)
        return {**({self._names.system: system} if system else {}), "prompt": prompt, **images}

    def _transcript(self, turns: list[tuple[str, str]]) -> str:
        why = "this model takes one prompt; the conversation is sent as a transcript"
        self.ledger.changed("messages", why)
        return transcript(turns)

    def _images(self, pictures: list[str]) -> Json:
        if self._names.images:
            return {self._names.images: pictures}
        if len(pictures) == 1:
            return {self._names.image: pictures[0]}
        raise UnsupportedParameterError(f"{self.model} takes one image a call", param="messages")

    def _parameters(self, body: Mapping[str, Any]) -> Json:
        found = {name: body[name] for name in SAME_NAME if body.get(name) is not None}
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        if limit:
            found[self._names.max_tokens] = limit
        stop = stops_of(body)
        usable = [sequence for sequence in stop if "," not in sequence]
        if len(usable) < len(stop):
            self.ledger.dropped(
                "stop", "Replicate separates stop sequences by commas; those with one are left out"
            )
        if usable:
            found["stop_sequences"] = ",".join(usable)
        return found

    def settle(self, body: Json) -> None:
        """The caller's own inputs beside ours, wherever they were written; `None` takes one of ours out."""
        given = {**self._input, **(body.get("input") or {})}
        given.update({name: body.pop(name) for name in list(body) if name not in PREDICTION})
        body["input"] = {name: value for name, value in given.items() if value is not None}

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        with reading("no prediction", data):
            return build_value(ChatCompletion, self._value_of(raw, created))

    def _value_of(self, raw: Json, created: int) -> Json:
        status = raw["status"]
        if status in FAILURES:
            raise failure(status, raw.get("error"), said=output_text(raw.get("output")))
        if status != "succeeded":
            raise WireError("malformed", f"no prediction that has succeeded: {str(raw)[:200]}")
        message = {"role": "assistant", "content": output_text(raw.get("output")), "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        value: Json = {
            "id": raw.get("id", ""),
            "object": "chat.completion",
            "created": created,
            "model": raw.get("model") or self.model,
            "choices": [{**choice, "native_finish_reason": status}],
        }
        usage = usage_of(raw.get("metrics") or {})
        if usage:
            value["usage"] = usage
        return value

    def stream_decoder(self, *, created: int) -> PredictionStreamDecoder:
        return PredictionStreamDecoder(model=self.model, created=created)


def prediction_path(model: str) -> tuple[str, str]:
    """Where predictions of *model* are created, and the version to name in them."""
    name, _, version = model.partition(":")
    version = version or (name if "/" not in name else "")
    kind = "" if name.startswith("deployments/") else "models/"
    return "/predictions" if version else f"/{kind}{quote(name)}/predictions", version


class PredictionStreamDecoder(ChunkDecoder):
    """Events → chunks: text, the end, an error. Replicate streams tell no cost."""

    terminator = "done"
    _begun = False

    def __init__(self, *, model: str, created: int) -> None:
        super().__init__(model=model, created=created)
        self.head["id"] = f"prediction-{created}"  # the stream does not tell its prediction's own

    def read(self, name: bytes, data: bytes) -> list[ChatCompletionChunk]:
        if name == b"output":
            return self._said(data.decode())
        if name == b"error":
            raise failure("failed", data.decode())
        if name != b"done":
            return []  # the model's log
        reason = (loads(data or b"{}") or {}).get("reason")
        if reason:
            raise failure("failed" if reason == "error" else reason, None)
        self.over = True
        begun = [] if self._begun else self._said("")
        return [*begun, self.chunk({}, finish="stop", native_finish_reason="succeeded")]

    def _said(self, text: str) -> list[ChatCompletionChunk]:
        if self._begun:
            return [self.chunk({"content": text})] if text else []
        self._begun = True
        return [self.chunk({"role": "assistant", "content": text})]


def failure(status: str, why: Any, *, said: str | None = None) -> WireError:
    """A prediction that gave no answer, as an error."""
    message = str(why or f"the prediction ended: {status}")
    return broken(message, FAILURES.get(status, 500), status, said=said)


def output_text(output: Any) -> str:
    """Pieces of text, one text, a URL, or a model's own structure as JSON."""
    if output is None:
        return ""
    if isinstance(output, str):
        return output
    if isinstance(output, list) and all(isinstance(piece, str) for piece in output):
        return "".join(output)
    return orjson.dumps(output).decode()


def usage_of(metrics: Mapping[str, Any]) -> Json | None:
    """Tokens, where the model tells them; unknown is not none."""
    prompt, answer = metrics.get("input_token_count"), metrics.get("output_token_count")
    if prompt is None or answer is None:
        return None
    prompt, answer = int(prompt), int(answer)
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}


def _pictures(message: Mapping[str, Any], at: str) -> list[str]:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    found = [part.get("image_url") for part in parts if part["type"] == "image_url"]
    urls: list[Any] = [image.get("url") if isinstance(image, dict) else image for image in found]
    if not all(isinstance(url, str) for url in urls):
        raise InvalidRequestError(f"{at}.content: an image_url part without a URL", param=f"{at}.content")
    return urls


# ------------------------------------------------------------------------------------------ tables

FAMILIES = [
    # https://replicate.com/openai/gpt-4o/api
    ("openai/", Inputs(max_tokens="max_completion_tokens", images="image_input", messages="messages")),
    # https://replicate.com/google/gemini-2.5-flash/api
    ("google/gemini", Inputs(system="system_instruction", max_tokens="max_output_tokens", images="images")),
    # https://replicate.com/meta/llama-2-70b-chat/api
    ("meta/llama-2", Inputs(max_tokens="max_new_tokens")),
    # https://replicate.com/meta/meta-llama-3-70b-instruct/api, https://replicate.com/anthropic/claude-4-sonnet/api
    ("", Inputs()),
]
"""Beginning of a model's name → its inputs; the last row is for all the others."""

SAME_NAME = (
    "temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "reasoning_effort", "verbosity",
)  # fmt: skip

TRANSLATED = {*SAME_NAME, "messages", "n", "max_tokens", "max_completion_tokens", "stop", "stream_options"}

ROLES = {"system", "user", "assistant"}

LOST = ("name", "audio", "tool_calls", "function_call")
"""Fields of a message that are not told in its text."""

PREDICTION = {"input", "version", "stream", "webhook", "webhook_events_filter"}
"""Fields of a prediction beside its input."""

FAILURES = {"failed": 500, "canceled": 499, "aborted": 499}
"""How a prediction may end without an answer → the status it stands for."""
