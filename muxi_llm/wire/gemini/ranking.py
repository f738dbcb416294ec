"""Google's ranking API. Source: https://cloud.google.com/generative-ai-app-builder/docs/ranking, and
.../docs/reference/rest/v1/projects.locations.rankingConfigs/rank.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.rerank import JinaRerank

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


class VertexRanking(JinaRerank):
    """Records with ids, which are the documents' places."""

    path = "/rankingConfigs/default_ranking_config:rank"
    rows = "records"
    score = "score"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = super().encode_request(body, stream=stream)
        records = [{"id": str(place), "content": text} for place, text in enumerate(encoded["documents"])]
        top = {"topN": body["top_n"]} if "top_n" in body else {}
        return {
            "model": self.model,
            "query": body["query"],
            "records": records,
            **top,
            "ignoreRecordDetailsInResponse": True,
        }

    def rows_of(self, raw: Any) -> Any:
        """The records, with their ids as places."""
        found = super().rows_of(raw)
        return [_placed(row) for row in found] if isinstance(found, list) else None


def _placed(record: Any) -> Any:
    place = record.get("id") if isinstance(record, dict) else None
    if not isinstance(place, str) or not place.isdecimal():
        return record
    return {**record, "index": int(place)}
