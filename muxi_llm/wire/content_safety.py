"""Azure's Content Safety: one text a call, four kinds of harm, each with a severity from 0 to 7.

Source: https://learn.microsoft.com/en-us/rest/api/contentsafety/text-operations/analyze-text. What counts as
flagged is what Azure's own filters stop by default, medium and above:
https://learn.microsoft.com/en-us/azure/ai-foundry/openai/concepts/content-filter-severity-levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Json, Wire, loads, raise_in_band
from muxi_llm.wire.openai.moderations import texts_of, verdicts_of
from muxi_llm.wire.reading import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.values import ModerationCreateResponse


class ContentSafety(Wire):
    """Scores are severities, of 7; the severities themselves are on the verdict as `severities`."""

    endpoint = "moderation"
    path = "/contentsafety/text:analyze?api-version=2024-09-01"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - none exists
        texts = texts_of(body["input"], self.ledger.provider)
        if len(texts) > 1:
            story = f"input: {self.ledger.provider} judges one text a call, not {len(texts)}"
            raise UnsupportedParameterError(story, param="input")
        return {"text": texts[0], "outputType": "EightSeverityLevels"}

    def decode_response(self, data: bytes, *, created: int) -> ModerationCreateResponse:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        with reading("no verdict", data):
            severities = {KINDS.get(one["category"], one["category"]): int(one["severity"])
                          for one in raw["categoriesAnalysis"]}  # fmt: skip
            blocked = bool(raw.get("blocklistsMatch"))
        verdict = {
            "flagged": blocked or any(severity >= MEDIUM for severity in severities.values()),
            "categories": {kind: severity >= MEDIUM for kind, severity in severities.items()},
            "category_scores": {kind: severity / MOST for kind, severity in severities.items()},
            "severities": severities,
        }
        return verdicts_of({"results": [verdict]}, 1, self.model)


# ------------------------------------------------------------------------------------------ tables

KINDS = {"Hate": "hate", "SelfHarm": "self-harm", "Sexual": "sexual", "Violence": "violence"}
MEDIUM, MOST = 4, 7
