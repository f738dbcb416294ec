"""OpenAI's moderations wire. Source: https://platform.openai.com/docs/api-reference/moderations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Json, Wire, WireError, loads, raise_in_band
from muxi_llm.wire.reading import reading
from muxi_llm.wire.values import (
    ModerationCategories,
    ModerationCreateResponse,
    ModerationScores,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class OpenAIModerations(Wire):
    """OpenAI moderations."""

    endpoint = "moderation"
    path = "/moderations"
    _many = 1

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        self._many = inputs_in(body["input"])
        return {"model": self.model, **body}

    def decode_response(self, data: bytes, *, created: int) -> ModerationCreateResponse:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        return verdicts_of(raw, self._many, self.model)


class MistralModerations(OpenAIModerations):
    """https://docs.mistral.ai/usage/guardrailing: texts alone, by categories of its own, of which some are
    OpenAI's under another name.
    """

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        texts = texts_of(body["input"], self.ledger.provider)
        return super().encode_request({**body, "input": texts}, stream=stream)

    def decode_response(self, data: bytes, *, created: int) -> ModerationCreateResponse:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        with reading("no verdicts", data):
            for row in raw["results"]:
                for told in (row["categories"], row["category_scores"]):
                    told.update({name: told[own] for own, name in OF_MISTRAL.items() if own in told})
        return verdicts_of(raw, self._many, self.model)


def inputs_in(given: Any) -> int:
    """How many verdicts are asked for: parts are one input together."""
    return len(given) if isinstance(given, list) and isinstance(given[0], str) else 1


def texts_of(given: Any, provider: str) -> list[str]:
    """What is to be judged, for those who take nothing but texts."""
    if isinstance(given, str):
        return [given]
    if not all(isinstance(item, str) or item.get("type") == "text" for item in given):
        raise UnsupportedParameterError(f"input: {provider} judges text alone", param="input")
    if isinstance(given[0], str):
        return list(given)
    return ["\n".join(str(item.get("text")) for item in given)]


def verdicts_of(raw: Any, many: int, model: str) -> ModerationCreateResponse:
    """OpenAI's value of an answer in its form. What a provider does not look for is `None`, not `False`.
    Raises `WireError` where a verdict is missing.
    """
    rows = raw.get("results") if isinstance(raw, dict) else None
    if not isinstance(rows, list) or len(rows) != many or not all(map(_is_verdict, rows)):
        raise WireError("malformed", f"the reply has no verdict for each input: {str(raw)[:200]}")
    for row in rows:
        found, scores = _told(row["categories"], bool), _told(row.get("category_scores"), int, float)
        row["categories"] = {**CATEGORIES, **found}
        row["category_scores"] = {**SCORES, **scores}
        if not isinstance(row.get("flagged"), bool):
            row["flagged"] = any(found.values())
        row.setdefault("category_applied_input_types", None)
    head = {"id": str(raw.get("id") or ""), "model": str(raw.get("model") or model)}
    value = {**raw, **head}
    try:
        return ModerationCreateResponse.model_validate(value)
    except ValidationError:
        return ModerationCreateResponse.construct(**value)


def _told(given: Any, *kinds: type) -> Json:
    """By names that can be written, what is of those *kinds*; `None` for anything else."""
    rows = given.items() if isinstance(given, dict) else ()
    return {name: value if type(value) in kinds else None for name, value in rows if name.isprintable()}


def _is_verdict(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("categories"), dict)


OF_MISTRAL = {
    "dangerous_and_criminal_content": "illicit",
    "hate_and_discrimination": "hate",
    "selfharm": "self-harm",
    "violence_and_threats": "violence",
}

CATEGORIES = {f.alias or name: None for name, f in ModerationCategories.model_fields.items()}
SCORES = {f.alias or name: None for name, f in ModerationScores.model_fields.items()}
"""Everything OpenAI looks for, not looked for."""
