"""Gemini's generateContent wire. Requests are translated by `request`, replies by `reply`
and `stream`.

Source: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Json, Wire, WireError, build_value, loads, overlaid
from muxi_llm.wire.gemini.reply import AnswerReader, usage_of, whole_of
from muxi_llm.wire.gemini.request import GenerateRequest
from muxi_llm.wire.gemini.stream import GeminiStreamDecoder
from muxi_llm.wire.reading import reading
from muxi_llm.wire.requesting import usage_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class GenerateContent(Wire):
    """Gemini's generateContent."""

    stream_headers = {"accept": "text/event-stream"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self.path = model_path(model)
        self._request = GenerateRequest(model, ledger)
        self._config: Json = {}
        self._usage_wanted = False

    def path_for(self, *, stream: bool) -> str:
        """The model and a verb; without `alt=sse` a stream would be one list."""
        return self.path + (":streamGenerateContent?alt=sse" if stream else ":generateContent")

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - the path says it
        encoded = self._request.encode(body)
        self._usage_wanted = usage_wanted(body)
        self._config = encoded.pop("generationConfig", {})
        return encoded

    def settle(self, body: Json) -> None:
        """Put native options where they belong, in either spelling and wherever they were given: beside
        `generationConfig` or in it, or, as Google's OpenAI endpoint has them, under `google`.
        """
        given = _camel(body)
        given = overlaid(given, _camel(given.pop("google", None) or {}))
        own = overlaid(
            _camel(given.pop("generationConfig", None) or {}),
            {name: given.pop(name) for name in GENERATION_CONFIG & given.keys()},
        )
        config = overlaid(self._config, own)
        thinking = config.get("thinkingConfig", {})
        if thinking.keys() >= THINKING_SIZES:  # both are a 400: the caller's own it is
            for name in THINKING_SIZES - own["thinkingConfig"].keys():
                del thinking[name]
        body.clear()
        body.update({**given, **({"generationConfig": config} if config else {})})

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        reader = self._reader(created)
        with reading("not an answer", data):
            # A list is what a stream looks like where somebody on the way forgot `alt=sse`.
            choices = [
                choice for reply in (raw if isinstance(raw, list) else [raw]) for choice in reader.read(reply)
            ]
            try:
                choices += reader.end()
            except WireError as error:
                if error.kind == "incomplete":
                    raise WireError("malformed", f"{error.message}: {str(raw)[:200]}") from error
                raise
            value = {**reader.head, "object": "chat.completion", "choices": whole_of(choices)}
            if reader.usage:
                value["usage"] = usage_of(reader.usage)
            return build_value(ChatCompletion, value)

    def stream_decoder(self, *, created: int) -> GeminiStreamDecoder:
        return GeminiStreamDecoder(self._reader(created), usage=self._usage_wanted)

    def _reader(self, created: int) -> AnswerReader:
        return AnswerReader(self._request.tools, model=self.model, created=created)


def model_path(model: str) -> str:
    """Where *model* is: a collection's name (`tunedModels/...`) may stand before it."""
    return "/" + quote(model if "/" in model else f"models/{model}", safe="/@:")


def _camel(given: Mapping[str, Any]) -> Json:
    """JSON's spelling of names: the API takes both, the same name twice it does not."""
    return {SNAKE.sub(lambda found: found[1].upper(), name): value for name, value in given.items()}


# ------------------------------------------------------------------------------------------ tables

SNAKE = re.compile(r"_([a-z])")

THINKING_SIZES = {"thinkingLevel", "thinkingBudget"}
"""https://ai.google.dev/gemini-api/docs/gemini-3: how much it thinks, in the one way or in the other."""

GENERATION_CONFIG = {
    "stopSequences", "responseMimeType", "responseSchema", "responseJsonSchema", "responseModalities",
    "candidateCount", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty",
    "frequencyPenalty", "responseLogprobs", "logprobs", "enableEnhancedCivicAnswers", "speechConfig",
    "thinkingConfig", "imageConfig", "mediaResolution", "audioTimestamp", "routingConfig",
    "modelSelectionConfig", "enableAffectiveDialog",
}  # fmt: skip
