"""A provider's list of models. Source: https://platform.openai.com/docs/api-reference/models/list.

Nearly every service lists its models under one key, by one field; a subclass names both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from muxi_llm.models import Model, ModelList
from muxi_llm.wire.base import Json, Wire, WireError, loads, raise_in_band

if TYPE_CHECKING:
    from collections.abc import Mapping


class ModelsList(Wire):
    """`GET /models`. The first page: services that page give more than a screenful at once.

    items: the key the list is under (a bare list is understood as well). name: the field with the id.
    prefix: what stands before every id and is no part of it.
    """

    endpoint = "models"
    method = "GET"
    path = "/models"
    items: ClassVar[str] = "data"
    name: ClassVar[str] = "id"
    prefix: ClassVar[str] = ""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002 - a GET
        return {}

    def decode_response(self, data: bytes, *, created: int) -> ModelList:  # noqa: ARG002
        raw = loads(data)
        raise_in_band(raw)
        rows = raw.get(self.items) if isinstance(raw, dict) else raw
        if not isinstance(rows, list):
            raise WireError("malformed", f"the reply has no list {self.items!r}: {str(raw)[:200]}")
        return ModelList(
            data=[self._model(row) for row in rows if isinstance(row, dict) and row.get(self.name)]
        )

    def _model(self, row: Json) -> Model:
        """A typed model; what else a provider tells of it stays on it."""
        made = row.get("created")
        return Model.construct(
            **{
                "object": "model",
                "owned_by": "",
                **row,
                "created": made if isinstance(made, int) else 0,
                "id": str(row[self.name]).removeprefix(self.prefix),
            }
        )
