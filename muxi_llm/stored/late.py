"""What batches have used: known once they are over, by what their provider says of them, else by the lines of
their results; by the same name, whichever of both is looked at, and however often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.stored.content import Cut
from muxi_llm.types.stored import Batch, BatchPage
from muxi_llm.wire.base import WireError, loads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.routes import Place

LONGEST = 16 * 2**20
"""Bytes of a line; what has longer ones is taken to be something else."""


class Late(NamedTuple):
    """A batch's costs. name: of its results, of which there are no others. deployment, place: whose prices
    they are by; place is `provider/model`. model: as clients call it. usage: `None` where it is not known
    yet. began: Unix time, 0 where that is not known.
    """

    name: str
    deployment: str
    place: str
    model: str
    usage: Mapping[str, Any] | None
    began: float = 0.0


def of_batches(places: Mapping[str, Place], provider: str, value: object) -> Iterator[Late]:
    """What is known of those that are over, of one or of a page, by their provider's own ids."""
    for one in value.data if isinstance(value, BatchPage) else (value,):
        if isinstance(one, Batch) and one.output_file_id:
            usage = None if one.usage is None else one.usage.model_dump(exclude_none=True)
            used = usage if usage and any(map(usage.get, COUNTED)) else None
            yield _late(places, provider, one.output_file_id, one.model or "", used, float(one.created_at))


class Tally:
    """Adds up what the lines of a batch's results say, as they pass. Of any other file it says nothing."""

    def __init__(self) -> None:
        self._cut = Cut()
        self._begun = 0
        self._is_other = False
        self._model = ""
        self._usage: dict[str, Any] = {}

    def feed(self, piece: bytes) -> None:
        """Some more of it."""
        if self._is_other:
            return
        lines = self._cut.said(piece)
        self._begun = 0 if lines else self._begun + len(piece)
        for line in lines:
            self._add(line)
        if self._begun > LONGEST:
            self._is_other = True
        if self._is_other:
            self._cut = Cut()

    def over(self, places: Mapping[str, Place], provider: str, file: str) -> Iterator[Late]:
        """That was all of it: what was used, if anything was."""
        for line in self._cut.rest():
            self._add(line)
        if self._usage and not self._is_other:
            yield _late(places, provider, file, self._model, self._usage)

    def _add(self, line: bytes) -> None:
        try:
            row = loads(line)
            body = (row["response"] or {}).get("body") or {}
            row["custom_id"]
            if isinstance(used := body.get("usage"), dict):
                self._usage = added(self._usage, used)
                self._model = self._model or str(body.get("model") or "")
        except (WireError, KeyError, TypeError, AttributeError, RecursionError):
            self._is_other = True


def _late(
    places: Mapping[str, Place],
    provider: str,
    file: str,
    model: str,
    usage: Mapping[str, Any] | None,
    began: float = 0.0,
) -> Late:
    """A provider answers by a model's dated name where it was asked by a short one."""
    known = "", f"{provider}/{model}", model
    for name, place in places.items():
        ref = place.candidate.ref
        if ref.provider == provider and f"{model}-".startswith(f"{ref.name}-"):
            known = name, str(ref), next(iter(place.deployment.serves), model)
    return Late(f"{provider}/{file}", *known, usage, began)


def added(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Counts together, however deep they are."""
    out = dict(one)
    for name, value in other.items():
        if isinstance(value, dict):
            held = out.get(name)
            out[name] = added(held if isinstance(held, dict) else {}, value)
        elif isinstance(value, int):
            out[name] = value + (out.get(name) or 0)
    return out


COUNTED = ("input_tokens", "output_tokens")
